"""What a sweep is: its space, its search, its seeds, and the folder that keeps them."""

import hashlib
import json
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from podium.records.files import write_atomically
from podium.records.record import canonical_json
from podium.run.errors import ConfigError
from podium.run.space import Axis, divide, parse
from podium.sweep.checks import check, replicates
from podium.sweep.settings import (
    Cluster,
    Grid,
    Limits,
    Median,
    Pbt,
    Rungs,
    Search,
    Suggests,
    make_cluster,
    make_limits,
    make_search,
)
from podium.sweep.space import Point, check_axes, draw, grid, overrides, size

SWEEP_KEYS = frozenset(
    {"search", "cluster", "sweep", "seeds", "folds", "pack", "metric", "mode", "name", "out", "budget"}
)
CHANGES = "trainer.changes"
SETS_ITSELF = {
    "seed": "seeds",
    "data.split.folds": "folds",
}  # keys of runs, and those of a sweep that decide them
DEFINITION_FILE = "definition.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One sweep. ``folder`` is absolute; ``seeds`` is a number: the replicates are 0 to seeds - 1.

    ``pack``: auto where runs of one shape may be trained as one program, else off.

    With ``folds``, a replicate validates on the fold that its seed names (``podium.data.split``).
    """

    folder: Path
    axes: tuple[Axis, ...]
    fixed: tuple[str, ...]
    seeds: int
    folds: int | None
    pack: str
    metric: str
    mode: str
    search: Search
    cluster: Cluster
    budget: Limits

    @property
    def name(self) -> str:
        """The sweep's name, which is its folder's."""
        return self.folder.name

    def points(self) -> list[Point]:
        """The configurations, known beforehand; empty when each depends on the results of others (Optuna)."""
        if isinstance(self.search, Grid):
            return grid(self.axes)
        if isinstance(self.search, Suggests):
            return []
        if isinstance(self.search, Pbt):
            return [(*point, "") for point in draw(self.axes, self.search.population, self.search.seed)]
        return draw(self.axes, self.search.trials, self.search.seed)

    def trials(self) -> int:
        """How many trials the search makes."""
        return self.search.trials if isinstance(self.search, Suggests) else len(self.points())

    def line(self, point: Point) -> str:
        """The searched values of a point, as they are written on a command line."""
        return " ".join(self._overrides(point))

    def run_overrides(self, point: Point, seed: int) -> list[str]:
        """The overrides of one run."""
        cut = ["data.split.validation=null", f"data.split.folds={self.folds}"] if self.folds else []
        return [*self.fixed, *self._overrides(point), *cut, f"seed={seed}"]

    @property
    def replicate(self) -> str:
        """What a replicate is called."""
        return "fold" if self.folds == self.seeds else "seed"

    def command(self, point: Point) -> str:
        """The command that trains a point again, to be pasted into a shell: on the usual split, also after folds."""
        return shlex.join(["podium", "train", *self.fixed, *self._overrides(point)])

    @property
    def columns(self) -> list[str]:
        """The keys of a point's texts; in a population, what changes on the way comes last, empty before it does."""
        return [*(axis.key for axis in self.axes), *([CHANGES] if isinstance(self.search, Pbt) else [])]

    def _overrides(self, point: Point) -> list[str]:
        count = len(self.axes)
        changes = [f"{CHANGES}={text}" for text in point[count:] if text]
        return [*overrides(self.axes, point[:count]), *changes]

    def definition(self) -> dict[str, Any]:
        """What makes it this sweep and no other; cluster and budget do not."""
        return {
            "axes": [{"kind": type(axis).__name__.lower(), **asdict(axis)} for axis in self.axes],
            "fixed": list(self.fixed),
            "seeds": self.seeds,
            **({"folds": self.folds} if self.folds else {}),
            "metric": self.metric,
            "mode": self.mode,
            "search": asdict(self.search),
        }

    def claim(self) -> None:
        """Take the folder for this sweep, or find that it is already this sweep's.

        Raises:
            ConfigError: it holds another sweep.
        """
        ours = json.loads(canonical_json(self.definition()))
        path = self.folder / DEFINITION_FILE
        try:
            theirs = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            write_atomically(path, (canonical_json(ours, indent=1) + "\n").encode())
            return
        except ValueError:
            raise ConfigError(
                f"{path} must be the definition of a sweep, got a damaged file; delete it"
            ) from None
        if theirs != ours:
            differs = [key for key in ours if not isinstance(theirs, dict) or theirs.get(key) != ours[key]]
            raise ConfigError(
                f"{self.folder} must hold this sweep, got one with other {' and '.join(differs)}; "
                "choose another name=... or "
                "delete that folder"
            )


def make_plan(arguments: Sequence[str], composed: Any) -> Plan:
    """The plan of a command line. ``composed(overrides, root=...)`` is the configuration they choose.

    Raises:
        ConfigError: a wrong key or value, a seed in the space, or a space that the search cannot handle.
    """
    ours, runs = divide(arguments, known=SWEEP_KEYS)
    config = composed(ours, root="sweep")
    check(config)
    named = config.get("sweep") or {}
    space = parse([*named.get("fixed", []), *named.get("space", []), *runs])
    for text in space.fixed:
        if (key := text.lstrip("+~").partition("=")[0]) in SETS_ITSELF:
            raise ConfigError(
                f"a sweep sets the {SETS_ITSELF[key]} itself, got {text}; set {SETS_ITSELF[key]}=5"
            )
    check_axes(space.axes)
    search = make_search(config["search"])
    name = config["name"] or _chosen(ours) or _made_name(space.axes, [*ours, *runs])
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"name must be letters, digits, dot, dash or underscore, got {name!r}; set name=..."
        )
    plan = Plan(
        folder=Path(config["out"]).absolute() / name,
        axes=space.axes,
        fixed=space.fixed,
        seeds=replicates(config, asked=any(text.startswith("seeds=") for text in ours)),
        folds=config["folds"],
        pack=config["pack"],
        metric=config["metric"],
        mode=config["mode"],
        search=search,
        cluster=make_cluster(config["cluster"]),
        budget=make_limits(config["budget"]),
    )
    plan.points()  # a grid over an interval is refused here
    _check_fixed(plan)
    return plan


def rungs(search: Search, max_epochs: int) -> list[int | None]:
    """Where a trial pauses to be compared: at these epochs; null stands for its end.

    Raises:
        ConfigError: the first rung is not before the end.
    """
    if isinstance(search, Pbt):
        every = search.every_epochs
        if every >= max_epochs:
            raise ConfigError(
                f"search.every_epochs must be below trainer.max_epochs={max_epochs}, got {every}; lower it"
            )
        return [*range(every, max_epochs, every), None]
    if not isinstance(search, Rungs):
        return [None]
    if search.grace_epochs >= max_epochs:
        raise ConfigError(
            f"search.grace_epochs must be below trainer.max_epochs={max_epochs}, got "
            f"{search.grace_epochs}; lower it"
        )
    stops: list[int | None] = []
    epochs = search.grace_epochs
    while epochs < max_epochs:
        stops.append(epochs)
        epochs = epochs + search.every_epochs if isinstance(search, Median) else epochs * search.eta
    return [*stops, None]


def notes(plan: Plan) -> list[str]:
    """What a reader should know about how the plan differs from what was asked."""
    found = []
    if isinstance(plan.search, Pbt):
        if len(plan.points()) < plan.search.population:
            found.append(
                f"the space has only {len(plan.points())} configurations; the population is as large"
            )
    elif not isinstance(plan.search, Grid):
        space = size(plan.axes)
        if space < plan.search.trials and isinstance(plan.search, Suggests):
            found.append(
                f"the space has only {space:.0f} configurations; repeated suggestions are not trained again"
            )
        elif space < plan.search.trials:
            found.append(
                f"the space has only {space:.0f} configurations; {plan.search.trials} trials were asked for"
            )
    return found


def cores(cluster: Cluster) -> int:
    """The cores that a sweep may use."""
    if cluster.cpus is not None:
        return cluster.cpus
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_fixed(plan: Plan) -> None:
    """What a search that compares on the way needs to be the same for all, or finds itself."""
    if isinstance(plan.search, Rungs | Pbt) and any(axis.key == "trainer.max_epochs" for axis in plan.axes):
        raise ConfigError(
            f"trainer.max_epochs must be fixed with search={plan.search.kind}, which compares at equal epochs; fix it"
        )
    keys = [*(axis.key for axis in plan.axes), *(text.partition("=")[0] for text in plan.fixed)]
    if isinstance(plan.search, Pbt) and any(key.lstrip("+~").startswith(CHANGES) for key in keys):
        raise ConfigError(f"{CHANGES} is what search=pbt finds, got it set; leave it out")


def _chosen(ours: Sequence[str]) -> str | None:
    chosen = [text.partition("=")[2] for text in ours if text.partition("=")[0] == "sweep"]
    return chosen[-1] if chosen and chosen[-1] != "null" else None


def _made_name(axes: Sequence[Axis], arguments: Sequence[str]) -> str:
    digest = hashlib.sha256(canonical_json(sorted(arguments)).encode()).hexdigest()[:8]
    keys = "-".join(re.sub(r"[^A-Za-z0-9_]+", "", axis.key.rpartition(".")[2]) for axis in axes)
    return f"{keys[:40]}-{digest}"
