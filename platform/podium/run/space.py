"""Hydra's sweep syntax as a search space: which overrides are searched over, and which are fixed.

``key=a,b,c`` and ``key=choice(a,b,c)`` are choices, ``key=range(1,10,2)`` is a range,
``key=interval(0,0.8)`` an interval and ``key=tag(log,interval(1e-4,1e-1))`` one that is searched on a
logarithmic scale. An interval of whole numbers is written ``int(interval(1,10))``. Every other override is
fixed. Values are kept as the text that follows ``key=``, so whatever a search chooses can be pasted behind
``podium train``.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from podium.run.errors import ConfigError


@dataclass(frozen=True)
class Choice:
    """A key that takes one of some values, each as override text."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """A key that takes evenly spaced, ordered values, each as override text."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Interval:
    """A key that takes a number from ``low`` to ``high``, evenly or evenly in the logarithm."""

    key: str
    low: float
    high: float
    log: bool
    integer: bool


Axis = Choice | Range | Interval


@dataclass(frozen=True)
class Space:
    """The searched axes in their order, and the fixed overrides."""

    axes: tuple[Axis, ...]
    fixed: tuple[str, ...]


def divide(overrides: Sequence[str], *, known: Collection[str]) -> tuple[list[str], list[str]]:
    """Divide overrides into those whose first name is known (a sweep's own keys) and the rest, each in order.

    Raises:
        ConfigError: one that is no override.
    """
    ours: list[str] = []
    rest: list[str] = []
    for text in overrides:
        (ours if _key(_parsed(text)).split(".")[0].split("@")[0] in known else rest).append(text)
    return ours, rest


def parse(overrides: Sequence[str]) -> Space:
    """The search space that overrides describe. When a key is given twice, the later one counts.

    Raises:
        ConfigError: an override that Hydra cannot read, or a kind of sweep that has no meaning here.
    """
    latest = {_key(_parsed(text)): text for text in overrides}
    axes: list[Axis] = []
    fixed: list[str] = []
    for text in latest.values():
        override = _parsed(text)
        if override.is_sweep_override():
            axes.append(_axis(override, text))
        else:
            fixed.append(text)
    return Space(axes=tuple(axes), fixed=tuple(fixed))


def _parsed(text: str) -> Override:
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        raise ConfigError(
            f"{text!r} must be an override such as network=lenet5 or tricks.dropout.p=interval(0,0.8); "
            "quote it for the shell"
        ) from None


def _key(override: Override) -> str:
    return str(override.get_key_element()).lstrip("+~")


def _axis(override: Override, text: str) -> Axis:
    key = str(override.get_key_element())
    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        return _interval(key, sweep, text)
    if isinstance(sweep, Glob) or (
        isinstance(sweep, ChoiceSweep) and any(isinstance(v, Glob) for v in sweep.list)
    ):
        raise ConfigError(f"{key} must name its choices, got {text!r}; write {key}=a,b,c")
    assert isinstance(sweep, ChoiceSweep | RangeSweep)
    if sweep.shuffle:
        raise ConfigError(f"{key} must keep its order, got {text!r}; search=random draws at random")
    values = tuple(override.sweep_string_iterator())
    if not values or len(set(values)) < len(values):
        raise ConfigError(f"{key} must have one or more different values, got {text!r}; correct them")
    return Range(key, values) if isinstance(sweep, RangeSweep) else Choice(key, values)


def _interval(key: str, sweep: IntervalSweep, text: str) -> Interval:
    low, high = sweep.start, sweep.end
    log = "log" in sweep.tags
    if low is None or high is None or not low < high:
        raise ConfigError(f"{key} must have an interval whose start is below its end, got {text!r}")
    if log and low <= 0:
        raise ConfigError(f"{key} must start above 0 on a logarithmic scale, got {text!r}")
    integer = isinstance(low, int) and isinstance(high, int)
    return Interval(key, float(low), float(high), log=log, integer=integer)
