"""What a study says of its variants: that one is better than another, or on one side of a number."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """The claim that one variant is better than another, seed by seed.

    With ``by``, that it is better by more than so much; below zero, that it is worse by less than so much, which is how a
    claim says that something does no harm. In units of the metric.
    """

    better: str
    worse: str
    by: float | None = None

    def __post_init__(self) -> None:
        if self.by is not None and (isinstance(self.by, bool) or not self.by or not math.isfinite(self.by)):
            raise ValueError(f"by must be a number that is not zero, got {self.by!r}; leave it out")

    @property
    def variants(self) -> tuple[str, ...]:
        """Whose values it compares."""
        return (self.better, self.worse)


@dataclass(frozen=True)
class Bound:
    """The claim that a variant's metric is on one side of a number; exactly one side is a number."""

    variant: str
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if (self.at_most is None) is (self.at_least is None):
            raise ValueError(
                f"a bound needs at_most or at_least, got {self.at_most} and {self.at_least}; write one of them"
            )

    @property
    def variants(self) -> tuple[str, ...]:
        """Whose values it compares."""
        return (self.variant,)

    @property
    def value(self) -> float:
        """The number."""
        found = self.at_least if self.at_most is None else self.at_most
        assert found is not None
        return found


Comparison = Difference | Bound


def comparison_of(raw: Mapping[str, Any]) -> Comparison:
    """The comparison of a plain dictionary, of whichever kind its keys say.

    Raises:
        ValueError: its keys are of no kind.
    """
    kind = Difference if "better" in raw else Bound
    try:
        return kind(**raw)
    except TypeError:
        raise ValueError(
            f"a comparison must have better and worse (and by), or variant and at_most or at_least, got {dict(raw)}"
        ) from None
