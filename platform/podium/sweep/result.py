"""What a sweep found: its trials in order, with intervals, importance and the winner's line."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from podium.records.record import Status, canonical_json
from podium.sweep.plan import Plan
from podium.sweep.population import readable
from podium.sweep.settings import Pareto, Pbt, Remembers
from podium.sweep.trial import Outcome, is_missing, load

SCHEMA = 1
ORDER = (Status.FINISHED, Status.STOPPED, Status.RUNNING, Status.FAILED)


@dataclass(frozen=True)
class Row:
    """One configuration in the table. ``number`` counts trials as they began; ``rank`` only the finished.

    With two aims it has a ``cost``, and is on the ``front`` when no other is both as cheap and as good.
    """

    rank: int | None
    number: int
    outcome: Outcome
    interval: tuple[float, float] | None
    cost: float | None = None
    front: bool = False

    @property
    def values(self) -> list[float]:
        """The metric of each seed that has one."""
        return [r.value for r in self.outcome.replicates if r.value is not None]


@dataclass(frozen=True)
class Result:
    """A sweep's table, best first. ``importance`` maps axes to shares; without any, ``unknown`` says why."""

    plan: Plan
    rows: list[Row]
    importance: Mapping[str, float]
    unknown: str | None
    complete: bool
    notes: list[str]
    ended: str | None = None

    @property
    def front(self) -> list[Row]:
        """With two aims: the configurations that no other beats in one without losing in the other, cheapest first."""
        on_it = [row for row in self.rows if row.front and row.cost is not None]
        return sorted(on_it, key=lambda row: row.cost or 0.0)

    @property
    def best(self) -> Row | None:
        """The winner: the best mean among the configurations that all seeds finished."""
        return self.rows[0] if self.rows and self.rows[0].rank is not None else None

    @property
    def command(self) -> str | None:
        """The line that trains the winner again."""
        return self.plan.command(tuple(self.best.outcome.point)) if self.best is not None else None


def interval_of(values: Sequence[float], folds: int | None = None) -> tuple[float, float] | None:
    """The 95% interval of the mean: Student's t under ten values, bootstrap from ten on; null below two.

    Of values on folds: Student's t with the correction for training sets that overlap.
    """
    if len(values) < 2:
        return None
    from podium.leaderboard.statistics import fold_interval, mean_interval

    return mean_interval(values) if folds is None else fold_interval(values, folds)


def make_rows(plan: Plan, outcomes: Mapping[str, Outcome]) -> list[Row]:
    """The table: finished configurations by their mean, then the stopped, the unfinished and the failed."""
    planned = {plan.line(point): k for k, point in enumerate(plan.points())}
    began = sorted(outcomes.values(), key=lambda o: planned.get(o.line, len(planned)))
    numbered = list(enumerate(began, start=1))
    sign = 1 if plan.mode == "min" else -1

    def order(item: tuple[int, Outcome]) -> tuple[int, int, float, int]:
        number, outcome = item
        epochs = 0 if outcome.epochs is None else -outcome.epochs
        value = math.inf if outcome.value is None else sign * outcome.value
        return ORDER.index(outcome.status), epochs, value, number

    rows = []
    for place, (number, outcome) in enumerate(sorted(numbered, key=order), start=1):
        values = [r.value for r in outcome.replicates if r.value is not None]
        whole = outcome.status is not Status.FAILED and len(values) == plan.seeds
        rank = place if outcome.status is Status.FINISHED else None
        rows.append(Row(rank, number, outcome, interval_of(values, plan.folds) if whole else None))
    return with_front(plan, rows) if isinstance(plan.search, Pareto) else rows


def with_front(plan: Plan, rows: Sequence[Row]) -> list[Row]:
    """The rows with their cost, and whether they are on the front of the finished."""
    from podium.leaderboard.plots import Point, pareto

    assert isinstance(plan.search, Pareto)
    costs = [row.outcome.cost(plan.search.cost) if row.rank is not None else None for row in rows]
    points = [
        Point(row.number, cost, row.outcome.value, row.outcome.value, row.outcome.value, True)
        for row, cost in zip(rows, costs, strict=True)
        if cost is not None and row.outcome.value is not None
    ]
    front = {point.number for point in pareto(points, plan.mode)}
    return [replace(row, cost=cost, front=row.number in front) for row, cost in zip(rows, costs, strict=True)]


def to_json(result: Result) -> str:
    """sweep.json: the definition, every trial with each seed's value and status, and what came out."""
    best = result.best
    document = {
        "schema": SCHEMA,
        "name": result.plan.name,
        "complete": result.complete,
        "definition": result.plan.definition(),
        "notes": result.notes,
        "ended": result.ended,
        "best": best.outcome.line if best is not None else None,
        "command": result.command,
        "importance": {"method": "fANOVA", "shares": dict(result.importance), "unknown": result.unknown},
        "trials": [
            {"rank": row.rank, "number": row.number, "interval": row.interval, **asdict(row.outcome)}
            | ({"cost": row.cost, "front": row.front} if isinstance(result.plan.search, Pareto) else {})
            for row in result.rows
        ],
    }
    return canonical_json(document, indent=1) + "\n"


def is_done(plan: Plan) -> bool:
    """Whether nothing is left to train: then nothing is composed or imported for it either.

    Raises:
        ConfigError: the folder holds another sweep.
    """
    if not is_complete(plan):
        return False
    plan.claim()
    return isinstance(plan.search, Remembers | Pbt) or all_known_are_over(plan)


def all_known_are_over(plan: Plan) -> bool:
    """Whether no trial is to be made of a search whose trials are known beforehand."""
    outcomes = load(plan.folder)
    missing = any(is_missing(outcomes.get(plan.line(point))) for point in plan.points())
    return not isinstance(plan.search, Remembers | Pbt) and not missing


def is_complete(plan: Plan) -> bool:
    """Whether this sweep was carried out to its end before."""
    path = plan.folder / "sweep.json"
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["complete"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def header(plan: Plan) -> list[str]:
    """The columns of the table."""
    seeds = [f"{plan.replicate} {seed}" for seed in range(plan.seeds)]
    return [
        "rank",
        "trial",
        *plan.columns,
        f"mean {plan.metric}",
        "low",
        "high",
        *(["cost", "front"] if isinstance(plan.search, Pareto) else []),
        *seeds,
        "epochs",
        "status",
        "reason",
    ]


def cells(plan: Plan, row: Row) -> list[str]:
    """One line of the table, numbers in full."""
    outcome = row.outcome
    by_seed = {r.seed: r for r in outcome.replicates}
    low, high = row.interval or (None, None)
    return [
        _text(row.rank),
        _text(row.number),
        *outcome.point,
        _text(outcome.value),
        _text(low),
        _text(high),
        *([_text(row.cost), "yes" if row.front else ""] if isinstance(plan.search, Pareto) else []),
        *(_text(by_seed[seed].value if seed in by_seed else None) for seed in range(plan.seeds)),
        _text(outcome.epochs, missing="all"),
        str(outcome.status),
        outcome.reason or "",
    ]


def to_csv(result: Result) -> str:
    """table.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header(result.plan))
    writer.writerows(cells(result.plan, row) for row in result.rows)
    return text.getvalue()


def to_markdown(result: Result) -> str:
    """table.md, for people: rounded, with the interval beside the mean."""
    plan = result.plan
    head = [
        "rank",
        *plan.columns,
        plan.metric,
        "95% interval",
        f"{plan.replicate}s",
        "status",
    ]
    lines = [head, ["---"] * len(head)]
    for row in result.rows:
        outcome = row.outcome
        status = str(outcome.status) + (f" {after(outcome.epochs)}" if outcome.epochs else "")
        lines.append(
            [
                _text(row.rank, missing="–"),
                *readable_point(plan, outcome.point),
                shown(plan.metric, outcome.value),
                shown_interval(plan.metric, row.interval),
                f"{len(row.values)}/{plan.seeds}",
                f"{status}: {outcome.reason}" if outcome.reason else status,
            ]
        )
    table = "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)
    winner = f"\n\nThe winner again:\n\n```\n{result.command}\n```" if result.command else ""
    return f"# {plan.name}\n\n{table}{winner}\n"


def readable_point(plan: Plan, point: Sequence[str]) -> list[str]:
    """A point's texts for people: what changes on the way in words."""
    count = len(plan.axes)
    return [*point[:count], *(readable(text) for text in point[count:])]


def shown(metric: str, value: float | None) -> str:
    """A value for people: errors are fractions, shown in percent."""
    if value is None:
        return "–"
    return f"{100 * value:.2f}%" if metric.endswith("error") else f"{value:.4g}"


def shown_interval(metric: str, interval: tuple[float, float] | None) -> str:
    """An interval for people."""
    if interval is None:
        return "–"
    return f"{shown(metric, interval[0])} to {shown(metric, interval[1])}"


def after(epochs: int) -> str:
    """When a trial was stopped."""
    return f"after {epochs} epoch{'s' if epochs != 1 else ''}"


def _text(value: float | int | None, missing: str = "") -> str:
    return missing if value is None else repr(value)


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
