"""How a data set is seen: less of it, with shuffled positions, with random labels, standardised.

Random labels and shuffled positions: "Understanding deep learning requires rethinking generalization",
Zhang, Bengio, Hardt, Recht, Vinyals, 2016, https://arxiv.org/abs/1611.03530. Differs from the paper: a
validation split is carved from the training data, and it keeps its true labels as the test split does, so
both measure the same.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from podium.data.arrays import Indices, Inputs, LazyInputs
from podium.data.split import permutation, stratified_order, stream
from podium.data.standardize import Step, Values, measure, named_steps, scale

FRACTION_SEED = 0  # nested fractions need one order, so it is no option


@dataclass(frozen=True, kw_only=True)
class View:
    """Options on any data set.

    ``fraction`` keeps a share of the training split; a smaller share is a subset of a larger one.
    ``permute_seed`` shuffles the positions of every sample in one order, the same for all splits and
    channels. ``random_labels_seed`` replaces the labels of the training split. ``standardize`` is none, a
    step of ``podium.data.standardize`` such as channel or zca, or a list of steps, each measured behind the
    one before: [sample, {zca: 0.1}].
    """

    fraction: float
    permute_seed: int | None
    random_labels_seed: int | None
    standardize: str | dict[str, float] | list[str | dict[str, float]]

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ValueError(
                f"fraction must be in (0, 1], got {self.fraction}; 1.0 is all of the training split"
            )
        for name in ("permute_seed", "random_labels_seed"):
            seed = getattr(self, name)
            if seed is not None and not 0 <= seed < 2**32:
                raise ValueError(f"{name} must be null or in [0, 2**32), got {seed}")
        named_steps(self.standardize)

    def choose(self, train: Indices, labels: Indices) -> Indices:
        """The part of the training positions to use, rising.

        Raises:
            ValueError: the fraction keeps no example.
        """
        kept = round(len(train) * self.fraction)
        if kept == 0:
            raise ValueError(
                f"fraction must keep an example of {len(train)}, got {self.fraction}; raise fraction"
            )
        return np.sort(train[stratified_order(labels[train], stream(FRACTION_SEED, "fraction"))[:kept]])

    def relabel(self, labels: Indices, train: Indices, *, num_classes: int) -> Indices:
        """All labels, with those of the training positions random if so chosen.

        Labels are drawn for the whole source, so an example keeps its random label when the fraction changes.
        """
        if self.random_labels_seed is None:
            return labels
        drawn = stream(self.random_labels_seed, "labels").random_sample(len(labels))
        replaced = labels.copy()
        replaced[train] = (drawn[train] * num_classes).astype(np.int64)
        return replaced

    def measure(self, inputs: Inputs | LazyInputs, rows: Indices) -> tuple[Step, ...]:
        """The steps of ``standardize``, measured on the inputs at these rows, those of training."""
        return measure(named_steps(self.standardize), inputs, rows)

    def show(self, inputs: Inputs, steps: tuple[Step, ...]) -> Values:
        """Inputs as a network sees them: scaled and finished."""
        values: Values = self.finish(torch.from_numpy(scale(inputs)), steps).numpy()
        return values

    def finish(self, values: Tensor, steps: tuple[Step, ...]) -> Tensor:
        """Scaled inputs, augmented or not, standardised and with their positions shuffled."""
        for step in steps:
            values = step(values)
        if self.permute_seed is None:
            return values
        flat = values.flatten(2) if values.ndim > 2 else values[:, None]  # points have no channels
        return flat[:, :, _order(flat.shape[2], self.permute_seed).to(values.device)].view_as(values)


@cache
def _order(count: int, seed: int) -> Tensor:
    """The order of shuffled positions."""
    return torch.from_numpy(permutation(count, stream(seed, "positions")))
