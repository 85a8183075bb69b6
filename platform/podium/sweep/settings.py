"""The plain values of a sweep: how it searches, and with what."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from podium.run.bind import check_values
from podium.run.errors import ConfigError


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Every combination of the choices."""

    kind: Literal["grid"]


@dataclass(frozen=True, kw_only=True)
class Random:
    """Independent draws from the space."""

    kind: Literal["random"]
    trials: int
    seed: int

    def __post_init__(self) -> None:
        _require(self.trials >= 1, f"trials must be at least 1, got {self.trials}")


@dataclass(frozen=True, kw_only=True)
class Asha:
    """Asynchronous successive halving over draws (Li et al. 2020, https://arxiv.org/abs/1810.05934)."""

    kind: Literal["asha"]
    trials: int
    seed: int
    grace_epochs: int
    eta: int

    def __post_init__(self) -> None:
        _require(self.trials >= 1, f"trials must be at least 1, got {self.trials}")
        _require(self.grace_epochs >= 1, f"grace_epochs must be at least 1, got {self.grace_epochs}")
        _require(self.eta >= 2, f"eta must be at least 2, got {self.eta}")


@dataclass(frozen=True, kw_only=True)
class Median:
    """Draws, of which those worse than the median of the finished ones stop early (Golovin et al. 2017)."""

    kind: Literal["median"]
    trials: int
    seed: int
    startup_trials: int
    grace_epochs: int
    every_epochs: int

    def __post_init__(self) -> None:
        _require(self.trials >= 1, f"trials must be at least 1, got {self.trials}")
        _require(self.startup_trials >= 1, f"startup_trials must be at least 1, got {self.startup_trials}")
        _require(self.grace_epochs >= 1, f"grace_epochs must be at least 1, got {self.grace_epochs}")
        _require(self.every_epochs >= 1, f"every_epochs must be at least 1, got {self.every_epochs}")


@dataclass(frozen=True, kw_only=True)
class Hyperband:
    """Several successive halvings that begin at different epochs (Li et al. 2018, JMLR 18:185)."""

    kind: Literal["hyperband"]
    trials: int
    seed: int
    grace_epochs: int
    eta: int

    def __post_init__(self) -> None:
        _require(self.trials >= 1, f"trials must be at least 1, got {self.trials}")
        _require(self.grace_epochs >= 1, f"grace_epochs must be at least 1, got {self.grace_epochs}")
        _require(self.eta >= 2, f"eta must be at least 2, got {self.eta}")


@dataclass(frozen=True, kw_only=True)
class Optuna:
    """Tree-structured Parzen estimator (Bergstra et al. 2011) by Optuna."""

    kind: Literal["optuna"]
    trials: int
    seed: int
    startup_trials: int

    def __post_init__(self) -> None:
        _require(self.trials >= 1, f"trials must be at least 1, got {self.trials}")
        _require(self.startup_trials >= 1, f"startup_trials must be at least 1, got {self.startup_trials}")


@dataclass(frozen=True, kw_only=True)
class Pareto:
    """Two aims: the metric and a cost, which is to be small (Ozaki et al. 2020), by Optuna."""

    kind: Literal["pareto"]
    trials: int
    seed: int
    startup_trials: int
    cost: Literal["train_s", "parameters", "multiply_adds", "activations", "depth", "size_mib"]

    def __post_init__(self) -> None:
        _require(self.trials >= 1, f"trials must be at least 1, got {self.trials}")
        _require(self.startup_trials >= 1, f"startup_trials must be at least 1, got {self.startup_trials}")


@dataclass(frozen=True, kw_only=True)
class Pbt:
    """A population whose worst take over from the best in mid-training, with other values (Jaderberg et al. 2017)."""

    kind: Literal["pbt"]
    population: int
    seed: int
    every_epochs: int
    quantile: float
    factors: list[float]
    resample: float

    def __post_init__(self) -> None:
        _require(self.population >= 2, f"population must be at least 2, got {self.population}")
        _require(self.every_epochs >= 1, f"every_epochs must be at least 1, got {self.every_epochs}")
        _require(0 < self.quantile <= 0.5, f"quantile must be above 0 and at most 0.5, got {self.quantile}")
        positive = bool(self.factors) and all(factor > 0 for factor in self.factors)
        _require(positive, f"factors must be positive, got {self.factors}")
        _require(0 <= self.resample <= 1, f"resample must be from 0 to 1, got {self.resample}")


Made = TypeVar("Made")
ADDRESS = re.compile(r"[\w.\-]+:\d{1,5}")
Search = Grid | Random | Asha | Median | Hyperband | Optuna | Pareto | Pbt
Rungs = Asha | Median | Hyperband  # searches that compare trials on the way and stop some
Suggests = Optuna | Pareto  # searches whose configurations depend on the results of others
Remembers = Rungs | Suggests


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a sweep may use; null: as much as it takes. It is no part of what the sweep is."""

    epochs: int | None
    hours: float | None
    concurrency: int | None
    trial_s: float | None

    def __post_init__(self) -> None:
        _require(
            self.epochs is None or self.epochs >= 1, f"epochs must be null or at least 1, got {self.epochs}"
        )
        _require(self.hours is None or self.hours > 0, f"hours must be null or positive, got {self.hours}")
        _require(
            self.concurrency is None or self.concurrency >= 1,
            f"concurrency must be null or at least 1, got {self.concurrency}",
        )
        _require(
            self.trial_s is None or self.trial_s > 0, f"trial_s must be null or positive, got {self.trial_s}"
        )


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where trials run: here (``local``), or in the running cluster at an address (``auto``: this node's own).

    ``cpus`` null: every core that this process may use; a running cluster has its own.
    """

    address: str
    cpus: int | None
    gpus_per_trial: float

    def __post_init__(self) -> None:
        _require(
            self.address in ("local", "auto") or bool(ADDRESS.fullmatch(self.address)),
            f"address must be local, auto or HOST:PORT, got {self.address!r}",
        )
        _require(self.cpus is None or self.cpus >= 1, f"cpus must be null or at least 1, got {self.cpus}")
        _require(self.gpus_per_trial >= 0, f"gpus_per_trial must be at least 0, got {self.gpus_per_trial}")


@dataclass(frozen=True, kw_only=True)
class KubeRay(Cluster):
    """A cluster that Kubernetes makes for one sweep. The sweep runs inside it, at ``address``.

    ``manifests`` is a folder that kustomize renders to a RayJob; ``max_workers`` null: as many as it says.
    """

    manifests: str
    max_workers: int | None
    deadline_hours: int
    fixed: list[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        least_one = self.max_workers is None or self.max_workers >= 1
        _require(least_one, f"max_workers must be null or at least 1, got {self.max_workers}")
        _require(self.deadline_hours >= 1, f"deadline_hours must be at least 1, got {self.deadline_hours}")


def make_search(values: Mapping[str, Any]) -> Search:
    """The search that conf/search and the command line describe.

    Raises:
        ConfigError: a kind, key, type or value that is wrong.
    """
    owners: tuple[type[Search], ...] = (Grid, Random, Asha, Median, Hyperband, Optuna, Pareto, Pbt)
    for owner in owners:
        if values.get("kind") == owner.__name__.lower():
            return _made(owner, values, "search")
    kinds = ", ".join(owner.__name__.lower() for owner in owners)
    raise ConfigError(f"search.kind must be one of {kinds}, got {values.get('kind')!r}; set search=random")


def make_limits(values: Mapping[str, Any]) -> Limits:
    """The limits that conf/sweep.yaml and the command line describe.

    Raises:
        ConfigError: a key, type or value that is wrong.
    """
    return _made(Limits, values, "budget")


def make_cluster(values: Mapping[str, Any]) -> Cluster:
    """The cluster that conf/cluster and the command line describe.

    Raises:
        ConfigError: a key, type or value that is wrong.
    """
    return _made(KubeRay if "manifests" in values else Cluster, values, "cluster")


def check_gpus(cluster: Cluster, runtime: Mapping[str, Any]) -> None:
    """The GPUs of a trial are those that its workers can use: a share or one for a single worker, else one for each.

    Raises:
        ConfigError: they are not.
    """
    workers, gpus = runtime["devices"], cluster.gpus_per_trial
    if workers == 1 and gpus > 1:
        raise ConfigError(
            f"cluster.gpus_per_trial must be at most 1 with runtime.devices=1, which trains on one GPU, got {gpus:g}; "
            f"set runtime.devices={math.ceil(gpus)}"
        )
    if workers > 1 and gpus not in (0, workers):
        raise ConfigError(
            f"cluster.gpus_per_trial must be {workers} with runtime.devices={workers}, a whole GPU for each worker, or 0, "
            f"got {gpus:g}; set cluster.gpus_per_trial={workers}"
        )
    if workers > 1 and not gpus and cluster.address != "local" and runtime["accelerator"] == "gpu":
        raise ConfigError(
            f"cluster.gpus_per_trial must be {workers} with runtime.devices={workers} and runtime.accelerator=gpu on a "
            f"cluster, got 0; set cluster.gpus_per_trial={workers}"
        )


def _made(owner: type[Made], values: Mapping[str, Any], path: str) -> Made:
    check_values(owner, values, path)
    try:
        return owner(**values)
    except ValueError as error:
        raise ConfigError(f"{path}.{error}; set {path}.{str(error).split()[0]}=...") from None
