"""Size of the weights."""

from podium.leaderboard.columns import cost_column


def _mib(value: float) -> str:
    return f"{value:.3g}"


COLUMN = cost_column("size_mib", title="Size, MiB", help="Weights and buffers as they are stored.", form=_mib)
