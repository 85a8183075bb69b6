"""Pre-processing: centring, standardising, decorrelation and whitening, measured on training, the same for all splits.

    center_pixel, center_channel    x - m                 m the mean of a pixel, or of a whole channel
    pixel, channel                  (x - m) / s           s the standard deviation; what is constant is divided by 1
    center_sample, sample           the same, m and s of all values of the one example
    imagenet                        (x - m) / s           with the published moments of ImageNet's colours
    decorrelate                     (x - m) U             m of pixels, C = U diag(l) U' the covariance, largest l first
    zca                             (x - m) U diag(1 / sqrt(l + epsilon)) U'
    rescale                         x times a number

Featurewise, samplewise, zca_whitening and rescale are words of the classic image generator (Chollet and others 2015,
https://keras.io/api/data_loading/image/); its featurewise statistics are those of channels. ZCA: Bell and Sejnowski 1997,
https://doi.org/10.1016/S0042-6989(97)00121-1. Differs from Keras: whitening centres pixels and not channels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from podium.data.arrays import Indices, Inputs, LazyInputs

Values = npt.NDArray[np.float32]
Parts = Callable[[], Iterator[Values]]
CHUNK = 4096  # examples that are measured at a time, and fewer where these have more values in all
MOST_VALUES = 2**26
EPSILON = 1e-6  # of zca, where none is named
MOST_WHITENED = 8192  # values of an example: its square is 512 MiB of float64
# Mean and deviation of red, green and blue in ImageNet, 0 to 1, as all published weights of torchvision expect them.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
NUMBERED = ("zca", "rescale")  # steps that take a number
NAMES = (
    "pixel",
    "channel",
    "imagenet",
    "center_pixel",
    "center_channel",
    "sample",
    "center_sample",
    "decorrelate",
    "zca",
)


class Step(Protocol):
    """What was measured, to be done to inputs (n, *sample shape) on any device."""

    def __call__(self, values: Tensor) -> Tensor:
        """The inputs behind this step."""


class Moments(NamedTuple):
    """What to subtract and to divide by; they broadcast against (n, *sample shape)."""

    mean: Tensor
    deviation: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """Standardised values."""
        return (values - self.mean.to(values.device)) / self.deviation.to(values.device)


class Sample(NamedTuple):
    """Each example by its own mean and, if it shall be, deviation."""

    divides: bool

    def __call__(self, values: Tensor) -> Tensor:
        """Centred or standardised examples."""
        flat = values.flatten(1)
        centred = flat - flat.mean(1, keepdim=True)
        if self.divides:
            constant = flat.amax(1, keepdim=True) == flat.amin(1, keepdim=True)
            centred = centred / torch.where(constant, 1.0, flat.std(1, correction=0, keepdim=True))
        return centred.view_as(values)


class Rescale(NamedTuple):
    """Every value times a number."""

    factor: float

    def __call__(self, values: Tensor) -> Tensor:
        """The product."""
        return values * self.factor


class Rotation:
    """Centres pixels and multiplies each example, as a row, by a matrix, which stays on the device it was used on last."""

    def __init__(self, mean: Tensor, matrix: Tensor) -> None:
        self.mean = mean
        self.matrix = matrix

    def __call__(self, values: Tensor) -> Tensor:
        """Turned values, in the form that they had."""
        self.mean, self.matrix = self.mean.to(values.device), self.matrix.to(values.device)
        return ((values - self.mean).flatten(1) @ self.matrix).view_as(values)


def named_steps(standardize: object) -> list[tuple[str, float]]:
    """The steps that a configuration names, each with its number.

    Raises:
        ValueError: it is neither none, nor a step, nor a list of steps.
    """
    if standardize == "none":
        return []
    given = standardize if isinstance(standardize, list) else [standardize]
    return [_named(step) for step in given]


def _named(step: object) -> tuple[str, float]:
    name, number = step, EPSILON
    if isinstance(step, Mapping) and len(step) == 1:
        ((name, number),) = step.items()
        if name in NUMBERED and isinstance(number, int | float) and 0 < number < float("inf"):
            return str(name), float(number)
    elif name in NAMES:
        return str(name), number
    raise ValueError(
        f"standardize must be none or steps of {', '.join(NAMES)}, {{zca: epsilon}}, {{rescale: factor}} numbers above 0, "
        f"got {step}; set data.view.standardize=none"
    )


def measure(
    steps: Sequence[tuple[str, float]], inputs: Inputs | LazyInputs, rows: Indices
) -> tuple[Step, ...]:
    """Measure one step after the other on the inputs at these rows, those of training.

    Raises:
        ValueError: a step does not fit the inputs.
    """
    measured: list[Step] = []

    def parts() -> Iterator[Values]:
        # In parts, of which sums are kept in float64: exact enough, without a copy of everything in float64.
        chunk = max(1, min(CHUNK, MOST_VALUES // int(np.prod(inputs.shape[1:]))))
        for start in range(0, len(rows), chunk):
            values = torch.from_numpy(scale(inputs[rows[start : start + chunk]]))
            for step in measured:
                values = step(values)
            yield values.numpy()

    for name, number in steps:
        measured.append(_measured(name, number, parts, (len(rows), *inputs.shape[1:])))
    return tuple(measured)


def _measured(name: str, number: float, parts: Parts, shape: tuple[int, ...]) -> Step:
    if name == "imagenet":
        return _published(shape)
    if name == "rescale":
        return Rescale(number)
    if name in ("sample", "center_sample"):
        return Sample(divides=name == "sample")
    if name in ("zca", "decorrelate"):
        return _rotation(parts, shape, number if name == "zca" else None)
    moments = _moments(parts, shape, (0,) if name.endswith("pixel") else (0, *range(2, len(shape))))
    if name.startswith("center"):
        return Moments(moments.mean, torch.ones_like(moments.deviation))
    return moments


def _moments(parts: Parts, shape: tuple[int, ...], axes: tuple[int, ...]) -> Moments:
    """Mean and deviation over some axes; where all is equal the deviation is 1."""
    kept = [size for axis, size in enumerate(shape) if axis not in axes]
    count = np.prod(shape) / np.prod(kept)
    mean = sum(part.sum(axis=axes, keepdims=True, dtype=np.float64) for part in parts()) / count
    squares, lows, highs = [], [], []
    for part in parts():
        squares.append(np.square(part - mean).sum(axis=axes, keepdims=True))
        lows.append(part.min(axis=axes, keepdims=True))
        highs.append(part.max(axis=axes, keepdims=True))
    constant = np.max(highs, axis=0) == np.min(lows, axis=0)
    deviation = np.where(constant, 1.0, np.sqrt(sum(squares) / count))
    return Moments(_tensor(mean), _tensor(deviation))


def _rotation(parts: Parts, shape: tuple[int, ...], epsilon: float | None) -> Rotation:
    """Into the axes of the covariance of all values; with an epsilon, whitened there and turned back."""
    size = int(np.prod(shape[1:]))
    if size > MOST_WHITENED:
        raise ValueError(
            f"examples must have at most {MOST_WHITENED} values to be whitened or decorrelated, got {size}; "
            "make data.shape smaller, or set data.view.standardize=channel"
        )
    mean = sum(part.sum(axis=0, keepdims=True, dtype=np.float64) for part in parts()) / shape[0]
    covariance = np.zeros((size, size))
    for part in parts():
        centred = (part - mean).reshape(len(part), size)
        covariance += centred.T @ centred
    spread, axes = np.linalg.eigh(covariance / shape[0])
    spread, axes = spread[::-1].clip(0), axes[:, ::-1]
    if epsilon is not None:
        return Rotation(_tensor(mean), _tensor((axes / np.sqrt(spread + epsilon)) @ axes.T))
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(size)]  # an axis may point either way: choose one
    return Rotation(_tensor(mean), _tensor(axes * np.sign(largest)))


def _published(shape: tuple[int, ...]) -> Moments:
    """ImageNet's moments, for inputs (n, 3, ...)."""
    if len(shape) < 4 or shape[1] != 3:
        raise ValueError(
            f"standardize must be none, pixel or channel for inputs without three colours, got imagenet for "
            f"{list(shape[1:])}; set data.view.standardize=channel"
        )
    form = (1, 3, *[1] * (len(shape) - 2))
    mean, deviation = (_tensor(values).view(form) for values in IMAGENET)
    return Moments(mean, deviation)


def _tensor(values: npt.ArrayLike) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float32))


def scale(inputs: Inputs) -> Values:
    """Values as float32: uint8 from 0..255 to 0..1, float32 as it is."""
    if inputs.dtype == np.uint8:
        return inputs.astype(np.float32) / np.float32(255)
    return inputs.astype(np.float32)
