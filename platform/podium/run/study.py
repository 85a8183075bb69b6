"""A study's configurations, and what it measures besides test errors: other examples, and how far the signal strays in a
network before training."""

import math
import uuid
from datetime import UTC, datetime
from typing import Any

import torch
import yaml
from torch.nn.functional import pad

from podium.data.arrays import Arrays, Examples
from podium.leaderboard.study import KEY, Study
from podium.records.environment import Environment
from podium.records.record import RunRecord, Status, entry_hash
from podium.run.assemble import compose_seeds
from podium.run.build import Assembly, build, training_batch
from podium.run.conf import conf_dir
from podium.run.engine import pin_threads
from podium.run.errors import ConfigError, nearest
from podium.run.evaluate import trained
from podium.run.folders import find_folders
from podium.run.propagation import LayerSignal, measure
from podium.run.score import predict, scores

PIXELS = 2  # that test images are moved by: less than the border around a handwritten digit
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


def scored_again(record: RunRecord, part: str) -> RunRecord:
    """A finished run's record with the metrics of another ``part``, by its saved network. Another record as it is.

    train: of the examples that it learnt. moved: of its test images moved a little. features: the share of values above zero
    in what its output layer gets of the test split.

    Raises:
        ConfigError: the run's files are missing or damaged, or what is moved is no image.
    """
    if record.metrics is None:
        return record
    _, parts = trained(find_folders(record.config)[0])
    if part == "features":
        return record.with_(metrics={**record.metrics, "features/active": active_features(parts)})
    examples = moved(parts.data.examples("test")) if part == "moved" else parts.data.examples("train")
    answers = predict(parts.task, examples, torch.device("cpu"))
    return record.with_(metrics={**record.metrics, **scores(answers, record.config, part)})


def active_features(parts: Assembly) -> float:
    """The share of a trained network's features of the test split, what its output layer gets, that are above zero."""
    counts: list[tuple[float, int]] = []

    def count(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        counts.append((float((inputs[0] > 0).sum()), inputs[0].numel()))

    with parts.network.get_submodule("output").register_forward_pre_hook(count):
        predict(parts.task, parts.data.examples("test"), torch.device("cpu"))
    return math.fsum(active for active, _ in counts) / sum(values for _, values in counts)


def moved(examples: Examples) -> Arrays:
    """Every image four times, moved by ``PIXELS`` up, down, left and right; what it leaves is filled with its edge.

    Raises:
        ConfigError: the examples are no images.
    """
    images, target = examples.batch(slice(None))
    if images.ndim != 4:
        raise ConfigError(
            f"a metric of moved/ requires images, got samples of {images.ndim - 1} axes; choose other data or test/"
        )
    height, width = images.shape[2:]
    wide = pad(images, (PIXELS,) * 4, mode="replicate")
    corners = [(0, PIXELS), (2 * PIXELS, PIXELS), (PIXELS, 0), (PIXELS, 2 * PIXELS)]
    views = [wide[:, :, top : top + height, left : left + width] for top, left in corners]
    return Arrays(torch.cat(views), torch.cat([target] * 4), torch.cat([examples.index] * 4))


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
