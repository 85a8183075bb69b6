"""Podium's training behind scikit-learn's interface, for cross-validation, pipelines and grid search of that library."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from podium.data.in_memory import InMemory
from podium.run.assemble import check_run, compose
from podium.run.build import build, make, refusals
from podium.run.engine import check_memory_layout, loop, pin_threads, training_loader
from podium.run.errors import ConfigError
from podium.run.isolation import isolated
from podium.run.recorder import Recorder
from podium.run.score import predict

PLAIN = re.compile(r"[A-Za-z_][\w./-]*")  # a text that Hydra reads as it stands
WORDS = ("null", "true", "false", "nan", "inf")  # and these as something else


class PodiumClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that trains as `podium train` does, on arrays, and writes no files.

    ``overrides`` are those of `podium train`, without ``data=...``; conf/estimator.yaml has the defaults. Any single
    choice or value may also be given by its own name, which is how a grid search tunes it::

        model = PodiumClassifier(["tricks=[dropout]"], **{"tricks.dropout.p": 0.2})
        GridSearchCV(model, {"optimizer.lr": [0.001, 0.01], "network.widths": [[32], [64]]})

    ``X`` has shape (samples, features), or (samples, *sample shape) for networks that want images; its values are
    taken as they are, and standardised as ``data.view.standardize`` says. A share of the samples,
    ``data.split.validation``, is held back for validation. After ``fit``: ``classes_``, ``n_features_in_``,
    ``config_`` (the whole configuration), ``task_`` with the trained network, and ``history_`` (step and value of every
    metric by name). The process is left as it was: random generators, threads, environment.

    Raises:
        ConfigError: in ``fit``, an override that cannot be carried out.
        Diverged: in ``fit``, the loss was not finite.
    """

    def __init__(self, overrides: Sequence[str] = (), *, seed: int = 0, **values: Any) -> None:
        self.overrides = overrides
        self.seed = seed
        if values:  # scikit-learn asks that a default estimator holds its parameters and nothing else
            self._values = values

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """``overrides``, ``seed``, and the values that were given by their own names."""
        own: dict[str, Any] = super().get_params(deep)
        return {**own, **self._named()}

    def set_params(self, **params: Any) -> "PodiumClassifier":
        """Change parameters; a name that is no key of the configuration is found by ``fit``."""
        named = {key: params.pop(key) for key in list(params) if key not in ("overrides", "seed")}
        if named:
            self._values = {**self._named(), **named}
        super().set_params(**params)
        return self

    def fit(self, X: Any, y: Any) -> "PodiumClassifier":
        """Train on the samples ``X`` with the labels ``y``, any values that can be sorted."""
        inputs, labels = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must hold at least 2 classes, got 1 class, {self.classes_[0]!r}; add samples of another"
            )
        with isolated():
            self.config_ = self._config(inputs.shape[1:])
            self._train(np.array(inputs), numbers.astype(np.int64))
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """The probability of every class, in the order of ``classes_``, (samples, classes)."""
        check_is_fitted(self)
        inputs = validate_data(self, X, reset=False, dtype=np.float32, allow_nd=True)
        if (found := list(inputs.shape[1:])) != (shape := self.config_["data"]["shape"]):
            raise ValueError(f"X must hold samples of shape {shape}, as in fit, got {found}; reshape it")
        examples = self._data.unlabelled(np.array(inputs))
        answers = predict(self.task_, examples, torch.device("cpu"))
        if "probability" not in answers:
            raise ConfigError(
                f"the network must give probabilities, got task={type(self.task_).__name__}; choose another network"
            )
        probability = answers["probability"].astype(np.float64)
        return np.asarray(probability / probability.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable class of every sample, (samples,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _config(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """The configuration to train."""
        chosen = [*self.overrides, *(f"{key}={as_override(value)}" for key, value in self._named().items())]
        for text in chosen:
            if text.lstrip("+~").startswith("data="):
                raise ConfigError(f"the data must be X and y, got {text}; leave it out")
        facts = [f"data.shape={as_override(list(shape))}", f"data.num_classes={len(self.classes_)}"]
        config = compose([*chosen, *facts, f"seed={self.seed}"], root="estimator")
        config["name"] = config["name"] or type(self).__name__
        check_run(config)
        if config["runtime"]["devices"] != 1:
            raise ConfigError(
                f"runtime.devices must be 1 for arrays in memory, got {config['runtime']['devices']}; leave it out"
            )
        if config["trainer"]["changes"]:
            raise ConfigError(
                f"trainer.changes must be null for arrays in memory, got {config['trainer']['changes']}; leave it out"
            )
        return config

    def _named(self) -> Mapping[str, Any]:
        named: Mapping[str, Any] = vars(self).get("_values", {})
        return named

    def _train(self, inputs: npt.NDArray[np.float32], numbers: npt.NDArray[np.int64]) -> None:
        pin_threads(self.config_["runtime"])
        data: InMemory = make(self.config_["data"], "data")
        data.hold(inputs, numbers)
        parts = build(self.config_, data=data)
        check_memory_layout(parts)
        with refusals("data"):
            loader = training_loader(parts, seed=self.seed)
        curves = Curves()
        recorder = Recorder(
            curves, every_n_steps=parts.runtime.flush_every_n_steps, after_first_step=lambda: None
        )
        loop(parts, Path(), [*parts.tricks, recorder], loader=loader, checkpoint=None)
        data.release()
        parts.network.cpu()
        self.task_, self._data, self.history_ = parts.task, data, curves.history


class Curves:
    """The metrics of a training in memory: [step, value] by name, as records have them."""

    def __init__(self) -> None:
        self.history: dict[str, list[list[float]]] = {}

    def points(self, step: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Note the values of some metrics."""
        for name, value in metrics.items():
            self.history.setdefault(name, []).append([step, value])

    def flush(self) -> None:
        """Nothing waits."""


def as_override(value: Any) -> str:
    """A value as it is written behind ``key=``.

    Raises:
        ConfigError: a kind of value that no configuration holds.
    """
    match value:
        case np.generic():
            return as_override(value.item())
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str() if PLAIN.fullmatch(value) and value.lower() not in WORDS:
            return value
        case str():
            return '"' + re.sub(r'(\\*)"', r'\1\1\\"', re.sub(r"(\\+)$", r"\1\1", value)) + '"'
        case Mapping():
            return "{" + ",".join(f"{key}: {as_override(item)}" for key, item in value.items()) + "}"
        case Sequence() | np.ndarray():
            return "[" + ",".join(as_override(item) for item in value) + "]"
    raise ConfigError(
        f"a value must be a number, text, list or null, got {type(value).__name__}; write it as an override"
    )
