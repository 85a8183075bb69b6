"""A study's configurations, and what is measured in a network before training: how far its signal strays."""

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import torch
import yaml

from podium.leaderboard.ensemble import check_planned, make_ensemble
from podium.leaderboard.study import KEY, Candidate, Study, check_candidates
from podium.leaderboard.study_ensembles import Averaged, averaged, finished_members
from podium.records.environment import Environment
from podium.records.record import RunRecord, Status, entry_hash
from podium.run.assemble import check_run, compose, compose_seeds
from podium.run.build import build, training_batch
from podium.run.conf import conf_dir
from podium.run.engine import pin_threads
from podium.run.errors import ConfigError, nearest, told
from podium.run.folders import WEIGHTS_FILE, find_folders
from podium.run.pretrained import check_apart
from podium.run.propagation import LayerSignal, measure

UNTRAINED = f"before/{WEIGHTS_FILE}@{'0' * 16}"  # weights that are not there yet
EXAMPLES = 256  # training examples that pass, evenly spread over the split

Config = dict[str, Any]


def study_names() -> list[str]:
    """Every study of conf/study."""
    return sorted(file.stem for file in (conf_dir() / "study").glob("*.yaml"))


def load_study(name: str) -> Study:
    """The study of conf/study/NAME.yaml.

    Raises:
        ConfigError: there is none of that name, or it is not whole.
    """
    known = study_names()
    if not KEY.fullmatch(name) or name not in known:
        raise ConfigError(f"{name} is not in conf/study; {nearest(name, known)}")
    path = conf_dir() / "study" / f"{name}.yaml"
    try:
        return Study.from_dict({"name": name, **yaml.safe_load(path.read_text(encoding="utf-8"))})
    except (ValueError, TypeError, yaml.YAMLError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"conf/study/{name}.yaml: {text}") from None


def candidate_configs(
    study: Study, variant: str, value: float | None, seeds: list[int]
) -> list[dict[str, Any]]:
    """A variant's configurations, one a seed, with a value of what is chosen.

    Raises:
        ConfigError: they do not compose.
    """
    chosen = [] if study.choose is None else [f"{study.choose.key}={value}"]
    overrides = [*study.overrides, *study.variants[variant], *chosen]
    configs = compose_seeds(overrides, seeds=seeds)
    return [{**config, "name": f"{study.name} {variant}"} for config in configs]


def candidates_of(study: Study) -> list[Candidate]:
    """Every variant with every value that it may choose.

    Raises:
        ConfigError: they do not compose.
    """
    return [
        Candidate(variant, value, entry_hash_of(candidate_configs(study, variant, value, study.seeds)))
        for variant in study.variants
        for value in (study.choose.values if study.choose else [None])
    ]


def before_config(study: Study) -> Config:
    """The configuration of the run before, when all that begins with its network has been looked at.

    Raises:
        ConfigError: it does not compose, or a variant does not, or is tested on what the run before is trained on.
        ValueError: two variants are the same experiment.
    """
    assert study.before is not None
    config = compose(study.before)
    begun = study.begun(UNTRAINED)
    check_candidates(begun, candidates_of(begun))
    for variant in begun.variants:
        (own,) = candidate_configs(
            begun, variant, begun.choose.values[0] if begun.choose else None, begun.seeds[:1]
        )
        check_run(own)
        if own["network"].get("weights") == UNTRAINED:
            check_apart(config["data"], own["data"], "before")
    return config


def check_members(study: Study) -> None:
    """Check, before anything is trained, that the ensembles that a study names can answer together.

    Raises:
        ConfigError: a variant does not compose, or its members will predict no class probabilities.
    """
    begun = study.begun(UNTRAINED)
    first = {name: candidate_configs(begun, name, None, begun.seeds[:1])[0] for name in study.members or {}}
    with told():
        check_planned("members", first)


def averages_of(
    study: Study, candidates: Sequence[Candidate], records: Sequence[RunRecord]
) -> list[Averaged]:
    """What the ensembles score whose members have all finished, by the predictions in the runs' folders.

    Raises:
        ValueError: predictions are missing or damaged, or are no probabilities of classes.
    """
    by_run = {(record.entry_hash, record.seed): record for record in records}
    return [
        averaged(variant, seed, make_ensemble([find_folders(member.config)[0] for member in members]))
        for (variant, seed), members in finished_members(study, candidates, by_run).items()
    ]


def signal_record(config: Config) -> RunRecord:
    """A record whose metrics are how far signal and gradient stray in the network before training.

    A network in which a layer gives nothing or no number has no such metrics: it counts as diverged.

    Raises:
        ConfigError: a configuration that cannot be built.
    """
    started = _now()
    pin_threads(config["runtime"])
    parts = build(config)
    batch = training_batch(parts.data, EXAMPLES)
    torch.manual_seed(config["seed"])
    metrics = strays(measure(parts.task, batch))
    lost = [name for name, value in metrics.items() if not math.isfinite(value)]
    return RunRecord(
        name=config["name"],
        entry_hash=entry_hash(config),
        seed=config["seed"],
        run_key=uuid.uuid4().hex,
        status=Status.DIVERGED if lost else Status.FINISHED,
        config=dict(config),
        environment=Environment.capture(threads=config["runtime"]["threads"], gpus=[]),
        started=started,
        ended=_now(),
        error=f"{lost[0]}: a layer gives nothing, or no number" if lost else None,
        data=parts.data.fingerprint(),
        metrics=None if lost else metrics,
        groups=list(config["runtime"]["groups"]),
        tags=dict(config["runtime"]["tags"]),
    )


def strays(signals: list[LayerSignal]) -> dict[str, float]:
    """The most doublings or halvings of the deviation of a hidden layer's outputs, counted from the first layer's, and
    of its gradients, counted from the last's. 1 is a factor of 2."""
    hidden = signals[:-1] or signals
    return {
        "signal/doublings": _doublings([signal.forward for signal in hidden]),
        "signal/gradient_doublings": _doublings([signal.backward for signal in reversed(hidden)]),
    }


def _doublings(values: list[float]) -> float:
    if any(not math.isfinite(value) or value <= 0 for value in values):
        return math.inf
    return max(abs(math.log2(value / values[0])) for value in values)


def entry_hash_of(configs: list[dict[str, Any]]) -> str:
    """The one hash of configurations that differ in their seed alone."""
    (found,) = {entry_hash(config) for config in configs}
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
