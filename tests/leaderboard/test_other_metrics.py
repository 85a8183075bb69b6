"""A board that is ranked by a mean over classes, the larger the better."""

import csv
import io

import pytest

from leaderboard import factory
from podium.leaderboard.columns import NOTHING, load_column
from podium.leaderboard.plots import Point, cost_points, pareto
from podium.leaderboard.render import render
from podium.leaderboard.table import make_table
from podium.leaderboard.text import is_error, spoken
from podium.records.record import RunRecord

VALUES = {"linear": 0.30, "dense32": 0.90, "dense512": 0.60}
COLUMNS = ["row", "rank", "entry", "mean_iou", "seed_spread", "test_set_error", "parameters"]


@pytest.fixture
def table(tmp_path):
    records = []
    for key, value in VALUES.items():
        for seed in range(5):
            metrics = {"test/mean_iou": value + 0.01 * seed, "test/pixel_accuracy": 0.99}
            history = {"validation/mean_iou": [[18 * k, value * k / 12] for k in range(1, 13)]}
            folder = factory.write_run(tmp_path, key, seed, metrics=metrics, history=history)
            records.append(RunRecord.load(folder))
    board = factory.make_board(list(VALUES), metric="test/mean_iou", direction="max", columns=COLUMNS)
    return make_table(board, [factory.make_entry(key) for key in VALUES], records)


def test_the_largest_mean_is_first(table):
    assert [row.entry.key for row in table.rows] == ["dense32", "dense512", "linear"]
    assert [row.rank for row in table.rows] == [1, 2, 3]


def test_an_interval_of_counts_is_not_shown_for_what_is_no_count(table):
    column = load_column("test_set_error")
    assert [column.value(row) for row in table.rows] == [None] * 3
    assert [column.text(row) for row in table.rows] == [NOTHING] * 3
    assert load_column("mean_iou").text(table.rows[0]).startswith("92.00 (")


def test_the_page_speaks_of_the_metric_and_of_no_error(table):
    files = render(table)
    page = files["index.html"].decode()
    for text in (
        "First row’s Mean IoU",
        "Mean IoU against cost",
        "Validation Mean IoU in per cent by epoch:",
    ):
        assert text in page
    for text in ("Top-1 error", "row’s mean error", "Test error", "logarithmic"):
        assert text not in page.partition('id="rules"')[0]
    rows = list(csv.DictReader(io.StringIO(files["leaderboard.csv"].decode())))
    assert float(rows[0]["mean_iou_seed_4"]) == pytest.approx(0.94)
    assert float(rows[0]["mean_iou_low"]) < 0.92 < float(rows[0]["mean_iou_high"])


def test_the_front_holds_what_nothing_cheaper_beats(table):
    assert [point.value for point in cost_points(table, "parameters")] == pytest.approx([92, 62, 32])
    points = [
        Point(k, cost, value, value, value, True)
        for k, (cost, value) in enumerate([(1, 30), (2, 20), (3, 60)])
    ]
    assert [point.value for point in pareto(points, "max")] == [30, 60]
    assert [point.value for point in pareto(points, "min")] == [30, 20]


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("test/top1_error", "Top-1 error"),
        ("test/loss", "Loss"),
        ("test/mean_iou", "Mean IoU"),
        ("test/map", "mAP"),
        ("test/map_50", "mAP 50"),
        ("test/pixel_accuracy", "Pixel accuracy"),
        ("test/rmse", "RMSE"),
        ("test/f1", "F1"),
        ("test/bits_per_character", "Bits per character"),
    ],
)
def test_metrics_have_names_for_people(metric, words):
    assert spoken(metric) == words
    assert is_error(metric) == (metric == "test/top1_error")
