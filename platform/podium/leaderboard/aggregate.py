"""Boards of several data sets together: which entries are good on all of them, and how sure that is.

Interquartile mean, probability of improvement and performance profiles with stratified bootstrap intervals (Agarwal,
Schwarzer, Castro, Courville and Bellemare, Deep reinforcement learning at the edge of the statistical precipice, 2021,
https://arxiv.org/abs/2108.13264).

Differs from the paper: scores are the boards' own metric and not normalised, so that boards must share it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from podium.leaderboard.rows import read_summary
from podium.leaderboard.statistics import CONFIDENCE
from podium.leaderboard.summary import definition

RESAMPLES = 2000  # as in the paper
POINTS = 101  # of a profile
TRIM = 0.25

Array = npt.NDArray[np.float64]
Strata = Sequence[Array]  # a board's seeds each


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Improvement:
    """How probable it is that a run of the first entry is better than one of the second, on a board drawn by chance."""

    first: str
    second: str
    probability: Interval


@dataclass(frozen=True)
class Profile:
    """The share of runs that are at least as good as each threshold, with pointwise intervals."""

    share: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Aggregate:
    """Boards together. ``values`` has an array of seeds for each board, by the entry's name in conf/entry; ``left_out`` says
    why an entry has no part. ``means`` and ``profiles`` are in the order of ``values``, the best first.
    """

    boards: tuple[str, ...]
    metric: str
    direction: str
    seeds: int
    values: dict[str, Strata]
    left_out: dict[str, str]
    means: dict[str, Interval]
    improvements: tuple[Improvement, ...]
    thresholds: Array
    profiles: dict[str, Profile]


def aggregate(reports: Sequence[Path]) -> Aggregate:
    """Put published boards together, by the names of their entries.

    Raises:
        ValueError: one line: they cannot be compared, or have no two entries in common that finished everywhere.
    """
    raw = {definition(found := read_summary(report))[0].name: found for report in reports}
    _check(raw, count=len(reports))
    found, left_out = _common(raw)
    board = next(iter(raw.values()))["board"]
    sign = 1 if board["direction"] == "min" else -1
    means = {key: interquartile_mean(strata) for key, strata in found.items()}
    order = sorted(found, key=lambda key: (sign * means[key].value, key))
    values = {key: found[key] for key in order}
    every = np.concatenate([seeds for strata in values.values() for seeds in strata])
    thresholds = np.linspace(every.min(), every.max(), POINTS)
    return Aggregate(
        boards=tuple(raw),
        metric=board["metric"],
        direction=board["direction"],
        seeds=len(board["seeds"]),
        values=values,
        left_out=left_out,
        means={key: means[key] for key in order},
        improvements=tuple(
            Improvement(a, b, improvement(values[a], values[b], sign)) for a, b in combinations(order, 2)
        ),
        thresholds=thresholds,
        profiles={key: profile(strata, thresholds, sign) for key, strata in values.items()},
    )


def interquartile_mean(strata: Strata) -> Interval:
    """The mean of the middle half of all runs: less moved by outliers than the mean, and less by chance than the median."""

    def middle(*samples: Array, axis: int = -1) -> Any:
        return stats.trim_mean(np.concatenate(samples, axis=axis), TRIM, axis=axis)

    low, high = _bounds(strata, middle)
    return Interval(float(middle(*strata)), float(low), float(high))


def improvement(first: Strata, second: Strata, sign: int) -> Interval:
    """How probable a run of the first is better than one of the second (``sign`` 1: the smaller); ties count half."""

    def probability(*samples: Array, axis: int = -1) -> Any:
        half = len(samples) // 2
        pairs = zip(samples[:half], samples[half:], strict=True)
        gaps = [sign * (b[..., None, :] - a[..., :, None]) for a, b in pairs]
        return np.mean([((gap > 0) + 0.5 * (gap == 0)).mean(axis=(-2, -1)) for gap in gaps], axis=0)

    low, high = _bounds([*first, *second], probability)
    return Interval(float(probability(*first, *second)), float(low), float(high))


def profile(strata: Strata, thresholds: Array, sign: int) -> Profile:
    """The share of runs at least as good as each threshold, boards counting alike."""
    reached = [(sign * seeds <= sign * thresholds[:, None]).astype(np.float64) for seeds in strata]

    def share(*samples: Array, axis: int = -1) -> Any:
        return np.mean([sample.mean(axis=axis) for sample in samples], axis=0)

    low, high = _bounds(reached, share)
    return Profile(share(*reached), low, high)


def _bounds(strata: Strata, statistic: Any) -> tuple[Any, Any]:
    """Percentile bootstrap, seeds drawn anew on each board for itself; of values that all agree, the value."""
    found = stats.bootstrap(
        tuple(strata),
        statistic,
        axis=-1,
        vectorized=True,
        method="percentile",
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return found.low, found.high


def _check(raw: Mapping[str, Mapping[str, Any]], *, count: int) -> None:
    if count < 2 or len(raw) < count:
        names = ", ".join(raw)
        raise ValueError(
            f"boards must be two or more of different names, got {count} named {names}; name others"
        )
    prints = [
        str(found["data"] and (found["data"]["content"], found["data"]["split"])) for found in raw.values()
    ]
    if len(set(prints)) < count:
        raise ValueError(
            f"boards must be of different data, got the same twice in {', '.join(raw)}; leave one out"
        )
    for field in ("metric", "direction", "rules", "seeds"):
        of_board = {name: found["board"][field] for name, found in raw.items()}
        said = {name: _said(field, value) for name, value in of_board.items()}
        if len(set(said.values())) > 1:
            text = ", ".join(f"{value} ({name})" for name, value in said.items())
            raise ValueError(f"boards must have one {field}, got {text}; build them alike")


def _said(field: str, value: Any) -> str:
    """What must be equal: of rules major and minor, of seeds their number."""
    if field == "seeds":
        return f"{len(value)} seeds"
    return str(value).rpartition(".")[0] if field == "rules" else str(value)


def _common(raw: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Strata], dict[str, str]]:
    """The values of the entries that finished everywhere, and why others have no part."""
    metric = next(iter(raw.values()))["board"]["metric"]
    rows = {
        name: {row["entry"]: row for row in found["rows"] if "ensembles" not in row}
        for name, found in raw.items()
    }
    values: dict[str, Strata] = {}
    left_out = {}
    for key in sorted({key for found in rows.values() for key in found}):
        missing = [name for name, found in rows.items() if key not in found]
        unfinished = [
            n
            for n, found in rows.items()
            if key in found and not all(r["counts"] for r in found[key]["runs"])
        ]
        if missing or unfinished:
            left_out[key] = (
                f"not on {missing[0]}" if missing else f"not every seed finished on {unfinished[0]}"
            )
        else:
            runs = [found[key]["runs"] for found in rows.values()]
            values[key] = [np.array([float(run["metrics"][metric]) for run in of_board]) for of_board in runs]
    if len(values) < 2:
        why = "; ".join(f"{key}: {reason}" for key, reason in left_out.items())
        raise ValueError(
            f"boards must share two entries that finished everywhere, got {len(values)} ({why}); add runs"
        )
    return values, left_out
