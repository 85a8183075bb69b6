"""The page of a sweep: one file that needs no network, and no script except to sort its table."""

import base64
from collections.abc import Sequence
from typing import Any

from podium.records.record import Status
from podium.sweep.front import UNITS, cost_shown, front_rows
from podium.sweep.front import caption as caption_of_front
from podium.sweep.heatmap import HeatMap, caption
from podium.sweep.lineage import caption as caption_of_lineage
from podium.sweep.pivot import pivot, reading
from podium.sweep.result import Result, Row, after, readable_point, shown, shown_interval
from podium.sweep.settings import Pareto
from podium.sweep.space import described, size


def render(
    result: Result,
    maps: Sequence[HeatMap],
    pictures: Sequence[bytes],
    front: bytes | None = None,
    lineage: bytes | None = None,
) -> str:
    """The page as HTML; every text from a configuration is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("podium.sweep", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page: str = environment.get_template("page.html.j2").render(
        _values(result), **_pictures(result, maps, pictures, front, lineage)
    )
    return page


def _values(result: Result) -> dict[str, Any]:
    """What the page says in words and tables."""
    plan, best = result.plan, result.best
    return {
        "plan": plan,
        "search": type(plan.search).__name__.lower(),
        "space": _space(plan.axes),
        "axes": [described(axis) for axis in plan.axes],
        "counts": {str(s): n for s in Status if (n := sum(row.outcome.status is s for row in result.rows))},
        "complete": result.complete,
        "ended": result.ended,
        "notes": result.notes,
        "command": result.command,
        "best": best.outcome.line if best else None,
        "best_value": shown(plan.metric, best.outcome.value) if best else None,
        "best_interval": shown_interval(plan.metric, best.interval) if best else None,
        "importance": [(key, 100 * share) for key, share in result.importance.items()],
        "unknown": result.unknown,
        "rows": [_row(result, row) for row in result.rows],
    }


def _pictures(
    result: Result,
    maps: Sequence[HeatMap],
    pictures: Sequence[bytes],
    front: bytes | None,
    lineage: bytes | None,
) -> dict[str, Any]:
    """What the page shows, with the words below each."""
    plan = result.plan
    return {
        "front": None
        if front is None
        else {
            "data": base64.b64encode(front).decode(),
            "caption": caption_of_front(plan, result.rows),
            "rows": front_rows(result),
            "cost": UNITS[plan.search.cost] if isinstance(plan.search, Pareto) else "",
        },
        "lineage": None
        if lineage is None
        else {"data": base64.b64encode(lineage).decode(), "caption": caption_of_lineage(plan)},
        "maps": [
            {
                "title": one.x.key if not one.y.key else f"{one.y.key} × {one.x.key}",
                "caption": caption(plan, one),
                "data": base64.b64encode(picture).decode(),
            }
            for one, picture in zip(maps, pictures, strict=True)
        ],
        "pivots": [
            {"rows": pivot(plan, one), "caption": reading(plan, one)} for one in maps if not one.binned
        ],
    }


def _space(axes: Any) -> str:
    count = size(axes)
    return "infinitely many" if count == float("inf") else f"{count:.0f}"


def _row(result: Result, row: Row) -> dict[str, Any]:
    plan, outcome = result.plan, row.outcome
    seeds = []
    by_seed = {r.seed: r for r in outcome.replicates}
    for seed in range(plan.seeds):
        replicate = by_seed.get(seed)
        if replicate is None:
            seeds.append({"text": "–", "sort": "", "title": "not begun"})
            continue
        seeds.append(
            {
                "text": shown(plan.metric, replicate.value)
                if replicate.value is not None
                else str(replicate.status),
                "sort": "" if replicate.value is None else repr(replicate.value),
                "title": replicate.error or f"{replicate.status}, run {replicate.run_key}",
            }
        )
    return {
        "rank": row.rank,
        "number": row.number,
        "point": readable_point(plan, outcome.point),
        "value": shown(plan.metric, outcome.value),
        "sort": "" if outcome.value is None else repr(outcome.value),
        "interval": shown_interval(plan.metric, row.interval),
        "cost": cost_shown(row.cost),
        "cost_sort": "" if row.cost is None else repr(row.cost),
        "low": "" if row.interval is None else repr(row.interval[0]),
        "seeds": seeds,
        "status": str(outcome.status),
        "after": after(outcome.epochs) if outcome.epochs and outcome.status is not Status.FINISHED else "",
        "reason": outcome.reason or "",
    }
