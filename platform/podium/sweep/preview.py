"""What `podium sweep --dry-run` shows: the trials, and how long they may take."""

import math
from collections.abc import Callable
from typing import Any

from podium.sweep.plan import Plan, cores
from podium.sweep.settings import Pbt, Rungs, Suggests
from podium.sweep.space import described

STARTUP_S = 20.0  # Ray and the first imports of the workers
PER_RUN_S = 0.4  # building, the last scores and files of a run


def preview(plan: Plan, base: dict[str, Any], estimate: Callable[[dict[str, Any]], float]) -> str:
    """The trials, and how long they may take: measured on the first one, as many at a time as cores."""
    points = plan.points()
    lines = [
        f"{plan.name}: {plan.trials()} trials x {plan.seeds} {plan.replicate}s, {plan.metric} ({plan.mode})"
    ]
    lines += [f"  fixed: {' '.join(plan.fixed)}"] if plan.fixed else []
    lines += [f"{k:>4}  {plan.line(point)}" for k, point in enumerate(points, start=1)]
    if isinstance(plan.search, Suggests):
        lines += [f"      {described(axis)}" for axis in plan.axes]
        lines.append("      each trial is suggested after the results of earlier ones")
    if isinstance(plan.search, Pbt):
        lines.append("      every trial's values change after the results of the others")
    seconds = PER_RUN_S + estimate(base)
    at_once = max(1, cores(plan.cluster) // (base["runtime"]["threads"] * base["runtime"]["devices"]))
    runs = plan.trials() * plan.seeds
    waves = math.ceil(plan.trials() / at_once) * plan.seeds
    most = "at most " if isinstance(plan.search, Rungs) else ""
    lines.append(
        f"one run about {seconds:.1f} s; {runs} runs, {at_once} at a time: {most}about "
        f"{duration(waves * seconds + STARTUP_S)}"
    )
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Seconds for people: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
