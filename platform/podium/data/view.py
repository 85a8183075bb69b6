"""How a data set is seen: less of it, with shuffled positions, with random labels, standardised.

Random labels and shuffled positions: "Understanding deep learning requires rethinking generalization",
Zhang, Bengio, Hardt, Recht, Vinyals, 2016, https://arxiv.org/abs/1611.03530. Differs from the paper: a
validation split is carved from the training data, and it keeps its true labels as the test split does, so
both measure the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from podium.data.arrays import Indices, Inputs, LazyInputs
from podium.data.split import permutation, stratified_order, stream

Values = npt.NDArray[np.float32]
FRACTION_SEED = 0  # nested fractions need one order, so it is no option
CHUNK = 4096  # examples that are measured at a time, and fewer where these have more values in all
MOST_VALUES = 2**26
# Mean and deviation of red, green and blue in ImageNet, 0 to 1, as all published weights of torchvision expect them.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Moments(NamedTuple):
    """What to subtract and to divide by; they broadcast against (n, *sample shape)."""

    mean: Values
    deviation: Values


@dataclass(frozen=True, kw_only=True)
class View:
    """Options on any data set.

    ``fraction`` keeps a share of the training split; a smaller share is a subset of a larger one.
    ``permute_seed`` shuffles the positions of every sample in one order, the same for all splits and
    channels. ``random_labels_seed`` replaces the labels of the training split. ``standardize`` subtracts
    the mean and divides by the deviation of the training split, at each pixel or over each channel; what
    is constant there is divided by 1. ``imagenet`` takes the published ones of ImageNet's colours.
    """

    fraction: float
    permute_seed: int | None
    random_labels_seed: int | None
    standardize: Literal["none", "pixel", "channel", "imagenet"]

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ValueError(
                f"fraction must be in (0, 1], got {self.fraction}; 1.0 is all of the training split"
            )
        for name in ("permute_seed", "random_labels_seed"):
            seed = getattr(self, name)
            if seed is not None and not 0 <= seed < 2**32:
                raise ValueError(f"{name} must be null or in [0, 2**32), got {seed}")
        if self.standardize not in ("none", "pixel", "channel", "imagenet"):
            raise ValueError(
                f"standardize must be none, pixel, channel or imagenet, got {self.standardize}; "
                "set data.view.standardize=none"
            )

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

    def measure(self, inputs: Inputs | LazyInputs, rows: Indices) -> Moments | None:
        """Mean and deviation of the inputs at these rows, those of training; None when nothing is standardised."""
        if self.standardize == "none":
            return None
        if self.standardize == "imagenet":
            return _published(inputs.shape)
        axes = (0,) if self.standardize == "pixel" else (0, *range(2, len(inputs.shape)))
        kept = [size for axis, size in enumerate(inputs.shape) if axis not in axes]
        count = len(rows) * np.prod(inputs.shape[1:]) / np.prod(kept)

        def parts() -> Iterator[Values]:
            # In parts and in float64: exact enough, without a copy of everything in float64.
            chunk = max(1, min(CHUNK, MOST_VALUES // int(np.prod(inputs.shape[1:]))))
            for start in range(0, len(rows), chunk):
                yield scale(inputs[rows[start : start + chunk]])

        mean = sum(part.sum(axis=axes, keepdims=True, dtype=np.float64) for part in parts()) / count
        squares, lows, highs = [], [], []
        for part in parts():
            squares.append(np.square(part - mean).sum(axis=axes, keepdims=True))
            lows.append(part.min(axis=axes, keepdims=True))
            highs.append(part.max(axis=axes, keepdims=True))
        constant = np.max(highs, axis=0) == np.min(lows, axis=0)
        deviation = np.where(constant, 1.0, np.sqrt(sum(squares) / count))
        return Moments(np.asarray(mean, dtype=np.float32), deviation.astype(np.float32))

    def show(self, inputs: Inputs, moments: Moments | None) -> Values:
        """Inputs as a network sees them: scaled, standardised, positions shuffled."""
        values = scale(inputs)
        if moments is not None:
            values = (values - moments.mean) / moments.deviation
        if self.permute_seed is None:
            return values
        flat = values.reshape(*values.shape[:2], -1)
        order = permutation(flat.shape[2], stream(self.permute_seed, "positions"))
        return flat[:, :, order].reshape(values.shape)


def _published(shape: tuple[int, ...]) -> Moments:
    """ImageNet's moments, for inputs (n, 3, ...)."""
    if len(shape) < 4 or shape[1] != 3:
        raise ValueError(
            f"standardize must be none, pixel or channel for inputs without three colours, got imagenet for "
            f"{list(shape[1:])}; set data.view.standardize=channel"
        )
    form = (1, 3, *[1] * (len(shape) - 2))
    return Moments(*(np.array(values, dtype=np.float32).reshape(form) for values in IMAGENET))


def scale(inputs: Inputs) -> Values:
    """Values as float32: uint8 from 0..255 to 0..1, float32 as it is."""
    if inputs.dtype == np.uint8:
        return inputs.astype(np.float32) / np.float32(255)
    return inputs.astype(np.float32)
