"""The command `podium sweep`: plan, try out, carry out, and show what came out."""

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from podium.records.files import write_atomically
from podium.records.record import Status, entry_hash
from podium.run.errors import ConfigError
from podium.sweep.halving import stopped_points
from podium.sweep.packs import pack_sweep
from podium.sweep.plan import Plan, make_plan, notes, rungs
from podium.sweep.population import changing_points
from podium.sweep.preview import preview
from podium.sweep.result import (
    Result,
    after,
    all_known_are_over,
    is_done,
    make_rows,
    shown,
    shown_interval,
    to_csv,
    to_json,
    to_markdown,
)
from podium.sweep.settings import Grid, KubeRay, Pareto, Pbt, check_gpus
from podium.sweep.space import Point, each_value_once
from podium.sweep.tools import real_tools
from podium.sweep.trial import NO_ROOM, Outcome, Tools, Trial, load

SHOWN = 10  # configurations printed at the end; the page has them all
EXIT_FAILED = 1


def sweep_command(arguments: Sequence[str], *, dry_run: bool, cancel: bool) -> int:
    """Carry a sweep out, or go on with it; with ``dry_run`` only show the trials and the estimated time.

    On Kubernetes: submit it and watch, show what would be submitted, or with ``cancel`` end it.
    """
    from podium.run.assemble import compose

    plan = make_plan(arguments, compose)
    if isinstance(plan.cluster, KubeRay):
        from podium.sweep.kuberay import kuberay_command

        check_configurations(plan, real_tools())
        return kuberay_command(plan, plan.cluster, arguments, dry_run=dry_run, cancel=cancel)
    if cancel:
        raise ConfigError("--cancel is for cluster=kuberay; press Ctrl-C where this sweep runs")
    if not dry_run and is_done(plan):
        print(summary(publish(plan)))
        return 0
    tools = real_tools()
    configs = check_configurations(plan, tools)
    for note in notes(plan):
        print(f"note: {note}")
    if dry_run:
        from podium.run.estimate import estimate_seconds

        print(preview(plan, configs[0], estimate_seconds))
        return 0
    plan.claim()
    follow = Follower(configs[0])
    result = carry_out_sweep(plan, tools, configs[0], before=follow.start)
    follow.wait()
    print(summary(result))
    return 0 if result.best is not None else EXIT_FAILED


class Follower:
    """The process beside a sweep that sends its runs to MLflow, if the configuration wants one."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._runs = Path(config["paths"]["runs"]).absolute()
        self._tracking = config["tracking"]
        self._started = False

    def start(self) -> None:
        """Start it."""
        if self._tracking.get("follow"):
            from podium.records.sync import spawn_follower

            self._runs.mkdir(parents=True, exist_ok=True)
            spawn_follower(self._runs, self._tracking)
            self._started = True

    def wait(self) -> None:
        """Wait for what it still has to send, and say how that went."""
        if self._started:
            from podium.records.sync import wait_for_sync

            print(wait_for_sync(self._runs, self._tracking))


def check_configurations(plan: Plan, tools: Tools) -> list[dict[str, Any]]:
    """Compose what the sweep may train, so that a wrong value stops it before anything runs.

    Raises:
        ConfigError: a configuration that cannot be composed, or two that are the same experiment.
    """
    points = plan.points() or each_value_once(plan.axes)
    configs = [tools.compose(plan.run_overrides(point, 0)) for point in points]
    check_gpus(plan.cluster, configs[0]["runtime"])
    seen: dict[str, Point] = {}
    for point, config in zip(points, configs, strict=True):
        digest = entry_hash(config)
        if digest in seen:
            raise ConfigError(
                "the configurations of a sweep must differ, got the same experiment for "
                f"{plan.line(seen[digest])} and "
                f"{plan.line(point)}; leave one out"
            )
        seen[digest] = point
    rungs(plan.search, configs[0]["trainer"]["max_epochs"])
    if isinstance(plan.search, Pbt):
        for point in changing_points(plan):
            tools.check(tools.compose(plan.run_overrides(point, 0)))
    return configs


def carry_out_sweep(
    plan: Plan, tools: Tools, base: dict[str, Any], *, before: Callable[[], None] = lambda: None
) -> Result:
    """Make the trials that are missing, settle what the search stopped, and write the sweep's files.

    Raises:
        ConfigError: the disk is full.
    """
    if is_done(plan):
        return publish(plan)
    before()
    try:
        print(pack_sweep(plan, tools, base))
        if all_known_are_over(plan):
            return publish(plan)
        if (halved := stopped_points(plan, base)) is not None:
            settle(plan, tools, [], stopped=halved, ended=None)
            return publish(plan)
        from podium.sweep.tuning import carry_out

        carried = carry_out(plan, load(plan.folder), tools, base)
        settle(plan, tools, carried.lost, stopped=carried.stopped, ended=carried.ended)
        return publish(plan, left=carried.left, ended=carried.ended)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise ConfigError(
            f"{plan.folder} must be on a disk with room, got {error.strerror!r}; free some: the same command goes on"
        ) from None


def settle(
    plan: Plan,
    tools: Tools,
    lost: Sequence[tuple[Point, str]],
    *,
    stopped: Collection[Point],
    ended: str | None,
) -> None:
    """After the search: what it did not let finish was stopped early, by itself or by the budget that ended it; what
    lost its worker failed."""
    for point, reason in lost:
        outcome = load(plan.folder).get(plan.line(point)) or Outcome(
            point=list(point),
            line=plan.line(point),
            status=Status.FAILED,
            epochs=None,
            value=None,
            entry_hash=None,
            reason=None,
            replicates=[],
            started="",
        )
        told = f"its worker process ended: {reason}"
        replace(outcome, status=Status.FAILED, value=None, reason=told).save(plan.folder)
        _close_runs(plan, tools, outcome, Status.INTERRUPTED)
    for outcome in load(plan.folder).values():
        if outcome.status in (Status.RUNNING, Status.FAILED) and outcome.epochs is not None:
            _close_runs(plan, tools, outcome, Status.STOPPED)
        if outcome.status is Status.RUNNING:
            why = None if tuple(outcome.point) in stopped else ended
            replace(outcome, status=Status.STOPPED, reason=why).save(plan.folder)


def publish(plan: Plan, *, left: int = 0, ended: str | None = None) -> Result:
    """Build the sweep's files from its trials: sweep.json, table.csv, table.md, index.html and pictures."""
    from podium.sweep.front import picture as front_picture
    from podium.sweep.heatmap import heat_map, pairs, picture
    from podium.sweep.importance import importance
    from podium.sweep.lineage import picture as lineage_picture
    from podium.sweep.page import render

    outcomes = load(plan.folder)
    shares, unknown = importance(plan, list(outcomes.values()))
    known = {plan.line(point) for point in plan.points()}
    rows = make_rows(plan, outcomes)
    over = all(o.status is not Status.RUNNING for o in outcomes.values())
    complete = over and known <= outcomes.keys() and not left
    result = Result(plan, rows, shares, unknown, complete, notes=notes(plan), ended=ended)
    changing = isinstance(plan.search, Pbt)
    maps = [] if changing else [heat_map(plan, rows, x, y) for x, y in pairs(plan.axes, list(shares))]
    pictures = [picture(plan, one) for one in maps]
    front = front_picture(result) if isinstance(plan.search, Pareto) else None
    lineage = lineage_picture(result) if changing else None
    files = {
        "table.csv": to_csv(result).encode(),
        "table.md": to_markdown(result).encode(),
        **({"heatmap.png": pictures[0]} if pictures else {}),
        "index.html": render(result, maps, pictures, front, lineage).encode(),
        **({"front.png": front} if front is not None else {}),
        **({"lineage.png": lineage} if lineage is not None else {}),
        "sweep.json": to_json(result).encode(),
    }
    for name, content in files.items():
        write_atomically(plan.folder / name, content)
    return result


def summary(result: Result) -> str:
    """What a person wants to see at the end of a sweep."""
    plan = result.plan
    counts = {status: sum(row.outcome.status is status for row in result.rows) for status in Status}
    said = [f"{count} {status}" for status, count in counts.items() if count]
    lines = [f"{plan.name}: {', '.join(said) or 'no trials'}"]
    for row in result.rows[:SHOWN]:
        outcome = row.outcome
        rank = "–" if row.rank is None else str(row.rank)
        interval = shown_interval(plan.metric, row.interval)
        tail = outcome.reason or (f"{outcome.status} {after(outcome.epochs)}" if outcome.epochs else "")
        lines.append(
            f"{rank:>4}  {shown(plan.metric, outcome.value):>8}  {interval:>18}  {outcome.line}  "
            f"{tail}".rstrip()
        )
    if len(result.rows) > SHOWN:
        lines.append(f"      ... {len(result.rows) - SHOWN} more on the page")
    if isinstance(plan.search, Pareto):
        from podium.sweep.front import listed

        lines += listed(result)
    if isinstance(plan.search, Grid) and len(plan.axes) == 2:
        from podium.sweep.heatmap import heat_map
        from podium.sweep.pivot import as_text, pivot

        lines += as_text(pivot(plan, heat_map(plan, result.rows, plan.axes[1], plan.axes[0]))).splitlines()
    lines += [f"not finished: {result.ended}"] if result.ended else []
    lines.append(f"page: {plan.folder / 'index.html'}")
    if result.command is not None:
        lines += ["the winner again:", f"  {result.command}"]
    return "\n".join(lines)


def _close_runs(plan: Plan, tools: Tools, outcome: Outcome, status: Status) -> None:
    """Give the runs that a trial left unfinished their status."""
    trial = Trial(plan, tuple(outcome.point), tools)
    for seed in range(plan.seeds):
        try:
            tools.stop(trial.config(seed, None), status)
        except ValueError as error:
            print(
                f"note: seed {seed} of {trial.line} could not be marked as {status}: {error}", file=sys.stderr
            )
