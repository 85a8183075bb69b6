"""How the values of a metric are written: shares in per cent, everything else as it is."""

import re
from dataclasses import dataclass

from podium.leaderboard.text import short_name

SHARE = re.compile(r"(error|accuracy|iou|map|recall|precision|f1|match|bleu)(_|$)")
SMALLER_IS_BETTER = ("_error", "loss", "mse", "mae", "bits_per_character", "perplexity")


@dataclass(frozen=True)
class Unit:
    """``scale`` is what a value is multiplied with to be shown, ``sign`` stands in titles, ``points`` behind differences."""

    scale: float
    decimals: int
    sign: str
    points: str

    @property
    def title(self) -> str:
        """What follows the metric's name over a column or at an axis."""
        return f", {self.sign}" if self.sign else ""

    def text(self, value: float) -> str:
        """A value, without its sign."""
        return f"{self.scale * value:.{self.decimals}f}"

    def gap(self, value: float) -> str:
        """A difference with its unit."""
        return f"{self.text(value)} {self.points}".rstrip()


PERCENT = Unit(scale=100.0, decimals=2, sign="%", points="percentage points")
PLAIN = Unit(scale=1.0, decimals=4, sign="", points="")


def unit_of(metric: str) -> Unit:
    """The unit of a metric, test/top1_error or without its split."""
    return PERCENT if is_share(metric) else PLAIN


def is_share(metric: str) -> bool:
    """Whether a metric is from 0 to 1, and is shown in per cent."""
    return SHARE.search(short_name(metric) or metric) is not None


def direction_of(metric: str) -> str:
    """Whether a metric is better small (min) or large (max)."""
    return "min" if metric.endswith(SMALLER_IS_BETTER) else "max"
