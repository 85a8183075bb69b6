"""Mean intersection over union with the interval of its mean."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/mean_iou",
    title="Mean IoU, %",
    help="Intersection over union of masks, the mean over classes: mean over seeds, and the 95% interval of that mean.",
)
