"""Ensembles from records and predictions alone: probabilities averaged over members (Hansen and Salamon 1990).

    p(class | x) = 1/n sum_i p_i(class | x)

Neural network ensembles, https://doi.org/10.1109/34.58871. Differs from the paper: it lets its members vote; means of
probabilities break ties and have a loss. What it cost is the sum over its members.
"""

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.leaderboard.rows import PREDICTIONS_FILE
from podium.leaderboard.statistics import spread
from podium.metrics import by_probability, evaluate, needed
from podium.metrics.classification import is_top_k_error
from podium.records.record import RunRecord, Status

NORMAL_95 = 1.959963984540054
SUMMED = (
    "parameters",
    "size_mib",
    "multiply_adds",
    "activations",
    "train_s",
    "packed_s",
)  # all members are trained and run
LARGEST = ("depth", "peak_memory_mib")  # one after the other
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gain:
    """The error of an ensemble minus another's, and the 95% interval that other test sets of this size would give."""

    difference: float
    low: float
    high: float


class Pool:
    """Collects the members' probabilities (examples, classes), one member at a time, for given labels."""

    def __init__(self, label: npt.NDArray[np.integer]) -> None:
        self.label = label
        self.errors: list[float] = []
        self._sum: Floats | None = None
        self._wrong = np.zeros(len(label))

    def add(self, probability: npt.NDArray[np.floating]) -> None:
        """Take one more member."""
        wrong = is_top_k_error(probability, self.label, 1)
        self.errors.append(float(wrong.mean()))
        self._wrong += wrong
        self._sum = probability.astype(np.float64) + (0 if self._sum is None else self._sum)

    @property
    def probability(self) -> Floats:
        """The mean over the members so far."""
        assert self._sum is not None
        return np.asarray(self._sum / len(self.errors))

    def gain(self) -> Gain:
        """The ensemble against its mean member."""
        return self.gain_over(self._wrong / len(self.errors))

    def gain_over(self, wrong: npt.NDArray[np.floating] | npt.NDArray[np.bool_]) -> Gain:
        """The ensemble against another's error on each example, paired by example."""
        missed: Floats = is_top_k_error(self.probability, self.label, 1).astype(np.float64)
        differences: Floats = missed - wrong
        mean, deviation = float(differences.mean()), spread(differences.tolist())
        half = NORMAL_95 * deviation / math.sqrt(len(differences))
        return Gain(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Ensemble:
    """Members by their records, what they predict together, its metrics by logged name, and its costs."""

    members: list[RunRecord]
    arrays: dict[str, npt.NDArray[np.generic]]
    metrics: dict[str, float]
    costs: dict[str, float]
    errors: list[float]
    gain: Gain

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the predictions of its members, in any order."""
        return digest_of(self.members)


def digest_of(members: Sequence[RunRecord]) -> str:
    """SHA-256 (hex) of the predictions of these runs, in any order."""
    files = sorted((record.files or {})[PREDICTIONS_FILE] for record in members)
    return hashlib.sha256("\n".join(files).encode()).hexdigest()


def make_ensemble(folders: Sequence[Path]) -> Ensemble:
    """The ensemble of finished runs, read from their folders.

    Raises:
        ValueError: fewer than two runs, one twice, or runs without class probabilities, that did not finish, or not on the
            same test examples.
    """
    records = [RunRecord.load(folder) for folder in folders]
    for record, folder in zip(records, folders, strict=True):
        check_task(record, folder)
    _check(records, folders)
    first = _predictions(records[0], folders[0])
    pool = Pool(np.asarray(needed(first, "label")[0]))
    for record, folder in zip(records, folders, strict=True):
        arrays = _predictions(record, folder)
        (probability,) = needed(arrays, "probability")
        if not all(np.array_equal(arrays[name], first[name]) for name in ("index", "label")):
            raise ValueError(
                f"members must be tested on the same examples, got others in {folder}; leave it out"
            )
        pool.add(probability)
    arrays = {"index": first["index"], "label": first["label"], "probability": pool.probability}
    return Ensemble(
        members=records,
        arrays=arrays,
        metrics=evaluate(str(records[0].config["task"]["_target_"]), arrays),
        costs=total_costs([record.costs or {} for record in records]),
        errors=pool.errors,
        gain=pool.gain(),
    )


def check_task(record: RunRecord, folder: Path) -> None:
    """Check that what a run predicts can be averaged.

    Raises:
        ValueError: it predicts no class probabilities.
    """
    if (task := _without_probabilities(record.config)) is not None:
        raise ValueError(
            f"ensembles are of runs that predict class probabilities, got task={task} in {folder}; "
            "name runs of a classification, or compare these on a board"
        )


def check_planned(key: str, configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Check, before anything is trained, that what members will predict can be averaged.

    ``key`` is where they are planned; ``configs`` has one member's configuration for each name there.

    Raises:
        ValueError: members will predict no class probabilities.
    """
    for name, config in configs.items():
        if (task := _without_probabilities(config)) is not None:
            raise ValueError(
                f"{key} must be of runs that predict class probabilities, got {name} with task={task}; "
                f"leave {name} out of {key}"
            )


def _without_probabilities(config: Mapping[str, Any]) -> str | None:
    """The class of a run's task where it predicts no class probabilities, else null."""
    task = str(config["task"]["_target_"])
    return None if by_probability(task) else task.rpartition(".")[2]


def total_costs(costs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What members cost together, for those costs that all of them have."""
    common = set.intersection(*(set(one) for one in costs))
    total = {name: math.fsum(one[name] for one in costs) for name in SUMMED if name in common}
    total |= {name: max(one[name] for one in costs) for name in LARGEST if name in common}
    if (speed := "inference_images_per_s") in common and all(one[speed] > 0 for one in costs):
        total[speed] = 1 / math.fsum(1 / one[speed] for one in costs)
    return total


def _check(records: Sequence[RunRecord], folders: Sequence[Path]) -> None:
    if len(records) < 2:
        raise ValueError(f"an ensemble needs two runs or more, got {len(records)}; name more folders of runs")
    seen: dict[str, Path] = {}
    for record, folder in zip(records, folders, strict=True):
        if record.status is not Status.FINISHED or record.data is None:
            raise ValueError(
                f"members must have finished, got {folder}, which is {record.status}; leave it out"
            )
        if record.run_key in seen:
            raise ValueError(
                f"members must differ, got {seen[record.run_key]} and {folder}, the same run; leave one out"
            )
        seen[record.run_key] = folder
        ours, first = record.data, records[0].data
        assert first is not None
        if (ours.content, ours.test_labels) != (first.content, first.test_labels):
            raise ValueError(
                f"members must be of one data set, got {first.name} in {folders[0]} and {ours.name} in {folder}; "
                "leave one out"
            )


def _predictions(record: RunRecord, folder: Path) -> dict[str, npt.NDArray[np.generic]]:
    path = folder / PREDICTIONS_FILE
    try:
        content = path.read_bytes()
    except OSError:
        raise ValueError(f"{path} must be there, got no such file; train the run again") from None
    if hashlib.sha256(content).hexdigest() != (record.files or {}).get(PREDICTIONS_FILE):
        raise ValueError(f"{path} must be the file that its record names, got another; train the run again")
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        return {name: loaded[name] for name in loaded.files}
