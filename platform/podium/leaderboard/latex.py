r"""A board's table for a paper: a tabular of booktabs, every cell escaped. Needs ``\usepackage{booktabs}``."""

from collections.abc import Sequence

from podium.leaderboard.text import latex_cell

Section = tuple[str | None, Sequence[Sequence[str]]]  # a heading over all columns, and rows of cells


def tabular(titles: Sequence[str], sections: Sequence[Section], *, numeric: Sequence[bool], note: str) -> str:
    """The table; columns of numbers are set to the right, and ``note`` is a comment of one line above."""
    columns = "".join("r" if right else "l" for right in numeric)
    lines = [
        f"% {note}; needs \\usepackage{{booktabs}}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        _line(titles),
    ]
    for heading, rows in sections:
        lines.append("\\midrule")
        if heading is not None:
            lines.append(f"\\multicolumn{{{len(titles)}}}{{l}}{{\\textit{{{latex_cell(heading)}}}}} \\\\")
        lines += [_line(cells) for cells in rows]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(latex_cell, cells)) + " \\\\"
