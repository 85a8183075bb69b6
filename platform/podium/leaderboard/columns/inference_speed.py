"""Throughput of inference."""

from podium.leaderboard.columns import cost_column, scaled

COLUMN = cost_column(
    "inference_images_per_s",
    title="Inference, images/s",
    help="Images classified in a second, on the hardware named below.",
    form=scaled,
)
