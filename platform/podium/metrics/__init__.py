"""Metrics that torchmetrics lacks: pure functions of what a run has saved of each example.

A file of this package is the metrics of the task whose module bears its name: ``evaluate(arrays)``, from the arrays
of predictions.npz to numbers by their logged names. A run and the verifier of a board call the same function.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


def evaluate(task: str, arrays: Arrays) -> dict[str, float]:
    """The metrics of a test split, by logged name; ``task`` is the class of the task with its module.

    Raises:
        ValueError: the task has no metrics, or the arrays are not its own.
    """
    return _evaluation(task)(arrays)


def by_probability(task: str) -> bool:
    """Whether a task is judged by class probabilities, (examples, classes), as classification is.

    Raises:
        ValueError: the task has no metrics.
    """
    return _evaluation(task) is _evaluation("classification")


def _evaluation(task: str) -> Callable[[Arrays], dict[str, float]]:
    name = task.split(".")[-2] if "." in task else task
    known = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in known:
        raise ValueError(f"task must be one of {', '.join(known)}, got {task}; add podium/metrics/{name}.py")
    found: Callable[[Arrays], dict[str, float]] = importlib.import_module(f"{__name__}.{name}").evaluate
    return found


def needed(arrays: Arrays, *names: str) -> list[npt.NDArray[Any]]:
    """The arrays of these names.

    Raises:
        ValueError: one is missing.
    """
    if missing := [name for name in names if name not in arrays]:
        raise ValueError(
            f"predictions must hold {' and '.join(names)}, got none named {missing[0]}; train the run again"
        )
    return [arrays[name] for name in names]


def labels_hash(labels: npt.NDArray[Any]) -> str:
    """SHA-256 (hex) of labels: of integers as little-endian int64, of others as little-endian float32.

    The ``label`` of predictions.npz is enough to recompute it.
    """
    form = "<i8" if np.issubdtype(labels.dtype, np.integer) else "<f4"
    return hashlib.sha256(labels.astype(form).tobytes()).hexdigest()
