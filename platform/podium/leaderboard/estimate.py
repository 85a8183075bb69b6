"""A metric over the seeds of an entry."""

from dataclasses import dataclass

from podium.leaderboard.statistics import mean_interval, spread


@dataclass(frozen=True)
class Estimate:
    """The mean of a metric over finished seeds, its interval (of a share cut to 0..1), the spread, the values."""

    mean: float
    low: float
    high: float
    spread: float
    values: dict[int, float]

    @classmethod
    def of(cls, values: dict[int, float], *, share: bool) -> "Estimate":
        """Estimate from one value a seed."""
        numbers = list(values.values())
        low, high = mean_interval(numbers)
        mean = sum(numbers) / len(numbers)
        if share:
            low, high = max(low, 0.0), min(high, 1.0)
        return cls(mean=mean, low=low, high=high, spread=spread(numbers), values=values)
