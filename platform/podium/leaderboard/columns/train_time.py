"""Seconds of training."""

from podium.leaderboard.columns import cost_column


def _seconds(value: float) -> str:
    return f"{value:.1f}"


COLUMN = cost_column(
    "train_s", title="Training, s", help="Seconds of training for one seed, mean over seeds.", form=_seconds
)
