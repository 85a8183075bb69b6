"""Frozen features and logistic regression (Donahue et al. 2014, https://arxiv.org/abs/1310.1531), no epoch trained.

    x_i = what goes into the last linear layer, of each training example, in evaluation; z = (x - mean) / deviation
    W, b = argmin sum_i cross_entropy(W z_i + b, y_i) + strength / 2 * |W|^2
    strength = that of the lowest mean cross-entropy over stratified folds, the greater one of equal ones
    last layer: weight <- W / deviation, bias <- b - W (mean / deviation)

Mean and deviation are those of the examples at hand, in each fold its own; a feature that is constant keeps its values.
Differs from the paper: it takes the features of one layer of one network, and leaves open how the strength is chosen.
"""

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn.utils import parametrize

from podium.contracts import Trick
from podium.layers.blocks import last_layer

_LOG = logging.getLogger(__name__)
_ITERATIONS = 2000
_SHUFFLE = 0  # which examples are in which fold: the same for every run
_BESIDE = frozenset({"edit_network", "check", "state_dict", "load_state_dict"})  # of tricks that do not train
Features = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Fitted:
    """A layer's weight (classes, features) and bias (classes,), and how they were found."""

    weight: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    strength: float
    validated_loss: float
    loss: float


class LogisticHead(Trick):
    """Ends training before its first step, with a last layer fitted to the features in front of it.

    ``features`` gives them for a network and its last layer: (examples, features), and the class numbers. Of
    ``strengths`` one is chosen on ``folds`` folds. The loss, the strength and the cross-entropy over the folds are
    recorded as train/loss, train/strength and train/cross_validated_loss at step 0.

    Raises:
        ValueError: ``strengths`` are not positive, ``folds`` below 2 or more than a class has examples; the network does
            not end in a plain linear layer for classes; or another trick has to do with steps, of which there are none.
    """

    def __init__(
        self, *, strengths: Sequence[float], folds: int, features: Callable[[nn.Module, nn.Linear], Features]
    ) -> None:
        if not strengths or not all(0 < strength < math.inf for strength in strengths):
            raise ValueError(
                f"strengths must be positive numbers, got {list(strengths)}; set tricks.logistic_head.strengths=[0.1,1,10]"
            )
        if folds < 2:
            raise ValueError(f"folds must be at least 2, got {folds}; 5 is usual")
        self.strengths = sorted(strengths)
        self.folds = folds
        self.features = features

    def check(self, task: pl.LightningModule, tricks: Sequence[Trick]) -> None:
        """The network must end in logits of classes, and nothing else may want to train."""
        for trick in tricks:
            if trick is not self and _trains(trick):
                raise ValueError(
                    f"a run with a logistic head must have no trick that acts in training, got {type(trick).__name__}; "
                    "leave one of both out"
                )
        _last(task)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Fit the last layer, and train no epoch."""
        layer = _last(pl_module)
        x, y = self.features(pl_module.get_submodule("network"), layer)
        counts = np.bincount(y, minlength=max(2, layer.out_features))
        if counts.min() < self.folds:
            raise ValueError(
                f"every class must have {self.folds} training examples, one a fold, got {counts.min()} of class "
                f"{counts.argmin()}; set tricks.logistic_head.folds=2, or take more of the data"
            )
        fitted = fit(
            x.astype(np.float64), y, strengths=self.strengths, folds=self.folds, bias=layer.bias is not None
        )
        _write(layer, fitted)
        if len(self.strengths) > 1 and fitted.strength in (self.strengths[0], self.strengths[-1]):
            _LOG.warning("logistic_head chose the last of its strengths, %g: name more", fitted.strength)
        found = {"strength": fitted.strength, "cross_validated_loss": fitted.validated_loss}
        task: Any = pl_module
        sums = {name: torch.tensor(value * len(y)) for name, value in found.items()}
        task.record(torch.tensor(fitted.loss), sums, examples=len(y))
        trainer.should_stop = True


def fit(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.int64],
    *,
    strengths: Sequence[float],
    folds: int,
    bias: bool,
) -> Fitted:
    """Logistic regression with the best of some strengths, as a layer for the features as they are."""

    def model(strength: float) -> Any:
        regression = LogisticRegression(C=1 / strength, fit_intercept=bias, max_iter=_ITERATIONS)
        return make_pipeline(StandardScaler(with_mean=bias), regression)

    parts = StratifiedKFold(folds, shuffle=True, random_state=_SHUFFLE)
    with warnings.catch_warnings(), threadpool_limits(torch.get_num_threads()):
        warnings.simplefilter("ignore", ConvergenceWarning)  # of folds; of the last fit it is said below
        losses = [
            -cross_val_score(model(s), x, y, cv=parts, scoring="neg_log_loss").mean() for s in strengths
        ]
        best = min(range(len(strengths)), key=lambda k: (losses[k], -strengths[k]))
        scaler, regression = (step for _, step in model(strengths[best]).fit(x, y).steps)
    if regression.n_iter_.max() >= _ITERATIONS:
        _LOG.warning("logistic_head did not converge in %d iterations", _ITERATIONS)
    weight = regression.coef_ / scaler.scale_
    shift = weight @ scaler.mean_ if bias else 0.0
    return Fitted(
        weight=weight,
        bias=regression.intercept_ - shift,
        strength=strengths[best],
        validated_loss=float(losses[best]),
        loss=float(log_loss(y, regression.predict_proba(scaler.transform(x)))),
    )


@torch.no_grad()
def _write(layer: nn.Linear, fitted: Fitted) -> None:
    """Put what was fitted into a layer: for two classes there is one row, of their difference."""
    weight, bias = torch.from_numpy(fitted.weight), torch.from_numpy(np.atleast_1d(fitted.bias))
    if len(weight) == 1 and layer.out_features == 2:
        weight, bias = torch.cat([-weight / 2, weight / 2]), torch.cat([-bias / 2, bias / 2])
    layer.weight.copy_(weight)
    if layer.bias is not None:
        layer.bias.copy_(bias)


def _last(task: Any) -> nn.Linear:
    """The last layer of a task's network.

    Raises:
        ValueError: it is not linear, computed from something else, or gives no logits of the task's classes.
    """
    found = last_layer(task.network)
    layer = None if found is None else found[1]
    logits = {task.num_classes, 1} if task.num_classes == 2 else {task.num_classes}
    if (
        not isinstance(layer, nn.Linear)
        or parametrize.is_parametrized(layer)
        or not getattr(task, "softens", True)
        or layer.out_features not in logits
    ):
        raise ValueError(
            f"the network must hold a plain linear layer at its end, with an output for each class, got "
            f"{type(task.network).__name__} for {type(task).__name__}; choose another network or leave this trick out"
        )
    return layer


def _trains(trick: Trick) -> bool:
    """Whether a trick does more than to edit the network."""
    names = {name for name in dir(Trick) if not name.startswith("_")} - _BESIDE
    return any(getattr(type(trick), name) is not getattr(Trick, name) for name in names)
