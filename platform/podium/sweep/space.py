"""The configurations of a search space: all of them, or some drawn with a seed."""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from podium.records.record import NOT_IDENTITY
from podium.run.errors import ConfigError
from podium.run.space import Axis, Choice, Interval, Range

Point = tuple[str, ...]  # one text for each axis, in the order of the axes
DIGITS = 4  # of a number drawn from an interval: enough to tell trials apart, and a line that people can read
DRAWS_PER_TRIAL = 100


def check_axes(axes: Sequence[Axis]) -> None:
    """Refuse axes that cannot be searched.

    Raises:
        ConfigError: there is none, or one is the seed, or one does not change the experiment.
    """
    if not axes:
        raise ConfigError(
            "a sweep needs something to search, got only fixed values; write "
            "initializer=he_normal,glorot_normal or "
            "tricks.dropout.p=interval(0,0.8)"
        )
    for axis in axes:
        key = axis.key.lstrip("+~")
        if key == "seed":
            raise ConfigError(
                "seed must not be searched: seeds are replicates, and the search sees their mean; set seeds=3"
            )
        if key == "data.split.folds":
            raise ConfigError("data.split.folds must not be searched: folds are replicates; set folds=5")
        if any(key == name or key.startswith(f"{name}.") for name in NOT_IDENTITY):
            raise ConfigError(f"{key} must not be searched: it does not change the experiment; fix it")


def grid(axes: Sequence[Axis]) -> list[Point]:
    """Every combination; the last axis changes fastest.

    Raises:
        ConfigError: an axis is an interval.
    """
    for axis in axes:
        if isinstance(axis, Interval):
            raise ConfigError(
                f"search=grid needs choices, got {axis.key}=interval({axis.low:g},{axis.high:g}); "
                f"write {axis.key}=a,b,c "
                "or set search=random"
            )
    return list(itertools.product(*(axis.values for axis in axes if not isinstance(axis, Interval))))


def draw(axes: Sequence[Axis], trials: int, seed: int) -> list[Point]:
    """Different points drawn at random: the same ones for the same seed, fewer when the space has no more."""
    generator = random.Random(seed)
    found: dict[Point, None] = {}
    limit = min(trials, size(axes))
    for _ in range(trials * DRAWS_PER_TRIAL):
        if len(found) >= limit:
            break
        found[tuple(drawn(axis, generator) for axis in axes)] = None
    if len(found) < limit and not any(isinstance(axis, Interval) for axis in axes):
        rest = [point for point in grid(axes) if point not in found]
        found.update(dict.fromkeys(generator.sample(rest, limit - len(found))))  # type: ignore[arg-type]  # a space without intervals is finite
    return list(found)


def size(axes: Sequence[Axis]) -> float:
    """How many points a space has; infinite with an interval of real numbers."""
    total: float = 1
    for axis in axes:
        if isinstance(axis, Interval):
            total *= axis.high - axis.low + 1 if axis.integer else math.inf
        else:
            total *= len(axis.values)
    return total


def overrides(axes: Sequence[Axis], point: Point) -> list[str]:
    """The overrides that choose a point."""
    return [f"{axis.key}={text}" for axis, text in zip(axes, point, strict=True)]


def distributions(axes: Sequence[Axis]) -> dict[str, Any]:
    """The space as Optuna's distributions. Choices are texts; a range is an index: its order is known."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    space: dict[str, Any] = {}
    for axis in axes:
        match axis:
            case Choice():
                space[axis.key] = CategoricalDistribution(axis.values)
            case Range():
                space[axis.key] = IntDistribution(0, len(axis.values) - 1)
            case Interval(integer=True):
                space[axis.key] = IntDistribution(int(axis.low), int(axis.high), log=axis.log)
            case Interval():
                space[axis.key] = FloatDistribution(axis.low, axis.high, log=axis.log)
    return space


def from_suggestion(axes: Sequence[Axis], suggested: Mapping[str, Any]) -> Point:
    """The point that a searcher's values name."""
    return tuple(_text(axis, suggested[axis.key]) for axis in axes)


def to_suggestion(axes: Sequence[Axis], point: Point) -> dict[str, Any]:
    """The values by which a searcher knows a point."""
    return dict(_suggestions(axes, point))


def described(axis: Axis) -> str:
    """An axis for people."""
    if isinstance(axis, Interval):
        kind = ", whole numbers" if axis.integer else ""
        return f"{axis.key}: {axis.low:g} to {axis.high:g}{kind}{', logarithmic' if axis.log else ''}"
    return f"{axis.key}: {', '.join(axis.values)}"


def number(axis: Axis, text: str) -> float | None:
    """The number that a text stands for on an axis; null where the axis is one of names."""
    if isinstance(axis, Choice):
        return None
    return float(text)


def _suggestions(axes: Sequence[Axis], point: Point) -> Iterator[tuple[str, Any]]:
    for axis, text in zip(axes, point, strict=True):
        match axis:
            case Choice():
                yield axis.key, text
            case Range():
                yield axis.key, axis.values.index(text)
            case Interval(integer=True):
                yield axis.key, int(text)
            case Interval():
                yield axis.key, float(text)


def drawn(axis: Axis, generator: random.Random) -> str:
    """A value drawn from an axis."""
    if not isinstance(axis, Interval):
        return generator.choice(axis.values)
    if axis.integer and not axis.log:
        return str(generator.randint(int(axis.low), int(axis.high)))
    if axis.log:
        value = math.exp(generator.uniform(math.log(axis.low), math.log(axis.high)))
    else:
        value = generator.uniform(axis.low, axis.high)
    return _text(axis, min(max(value, axis.low), axis.high))


def perturbed(axis: Axis, text: str, factors: Sequence[float], generator: random.Random) -> str:
    """A value near another: multiplied by one of the factors, or, where there is a list, the next in it either way."""
    if not isinstance(axis, Interval):
        place = axis.values.index(text) + generator.choice((-1, 1))
        return axis.values[min(max(place, 0), len(axis.values) - 1)]
    factor = generator.choice(list(factors))
    value = float(text) * factor
    if axis.integer and round(value) == int(text):
        value = int(text) + (1 if factor > 1 else -1)
    return _text(axis, min(max(value, axis.low), axis.high))


def each_value_once(axes: Sequence[Axis]) -> list[Point]:
    """Points that try every choice at least once, for a search whose points are not known beforehand."""
    samples = draw(axes, 1, 0)
    for k, axis in enumerate(axes):
        for value in () if isinstance(axis, Interval) else axis.values:
            samples.append((*samples[0][:k], value, *samples[0][k + 1 :]))
    return list(dict.fromkeys(samples))


def ends(axis: Axis) -> list[str]:
    """The values of an axis; of an interval, both its ends."""
    return (
        [_text(axis, axis.low), _text(axis, axis.high)] if isinstance(axis, Interval) else list(axis.values)
    )


def _text(axis: Axis, value: Any) -> str:
    if isinstance(axis, Choice):
        return str(value)
    if isinstance(axis, Range):
        return axis.values[int(value)]
    if axis.integer:
        return str(round(value))
    rounded = float(f"{value:.{DIGITS}g}")
    return repr(rounded if axis.low <= rounded <= axis.high else float(value))
