"""A sweep as a pivot table over two axes: mean and standard deviation in every cell, as numbers to copy."""

from podium.sweep.heatmap import Cell, HeatMap
from podium.sweep.plan import Plan
from podium.sweep.result import shown


def pivot(plan: Plan, cells: HeatMap) -> list[list[str]]:
    """The table as texts: a first row of one axis' values, behind the names of both, then a row for each of the other's."""
    corner = f"{cells.y.key} \\ {cells.x.key}" if cells.y.key else cells.x.key
    body = [
        [label, *(_text(plan.metric, cell) for cell in line)]
        for label, line in zip(cells.y.labels, cells.cells, strict=True)
    ]
    return [[corner, *cells.x.labels], *body]


def reading(plan: Plan, cells: HeatMap) -> str:
    """What a reader must know to read the table."""
    over = (
        f" Averaged over {', '.join(cells.averaged)}: the deviation is that of configurations."
        if cells.averaged
        else ""
    )
    what = over or f" The deviation is over {plan.replicate}s, n - 1 in the denominator."
    return f"Mean {plan.metric} ± standard deviation.{what}"


def as_text(table: list[list[str]]) -> str:
    """The table for a terminal: columns aligned."""
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    lines = []
    for row in table:
        first, *rest = (
            text.ljust(width) if k == 0 else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]))
    return "\n".join(lines)


def _text(metric: str, cell: Cell) -> str:
    if cell.mean is None:
        return "failed" if cell.failed else "–"
    return shown(metric, cell.mean) + (
        f" ± {shown(metric, cell.deviation)}" if cell.deviation is not None else ""
    )
