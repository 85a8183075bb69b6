"""Mean average precision with the interval of its mean."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/map",
    title="mAP, %",
    help="COCO's mean average precision of boxes, over overlaps of 0.50 to 0.95: mean over seeds, and the 95% interval.",
)
