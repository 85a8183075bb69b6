"""Boards that are ranked by a mean over classes, the larger the better, and by an error that is no share."""

import csv
import io
import re

import pytest

from leaderboard import factory
from podium.leaderboard.columns import NOTHING, load_column
from podium.leaderboard.curves import curve_plots, curves
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
        ("test/exact_match", "Exact match"),
        ("test/noise_accuracy", "Noise accuracy"),
        ("test/bits_per_character", "Bits per character"),
    ],
)
def test_metrics_have_names_for_people(metric, words):
    assert spoken(metric) == words
    assert is_error(metric) == (metric == "test/top1_error")


@pytest.fixture
def of_ratings(tmp_path):
    records = []
    for key, value in {"linear": 1.20, "dense32": 0.95, "dense512": 1.02}.items():
        for seed in range(5):
            metrics = {"test/rmse": value + 0.01 * seed}
            history = {"validation/rmse": [[18 * k, value * 12 / k] for k in range(1, 13)]}
            folder = factory.write_run(tmp_path, key, seed, metrics=metrics, history=history)
            records.append(RunRecord.load(folder))
    keys = ["linear", "dense32", "dense512"]
    columns = ["row", "rank", "entry", "rmse", "seed_spread", "parameters"]
    board = factory.make_board(keys, metric="test/rmse", direction="min", columns=columns)
    return make_table(board, [factory.make_entry(key) for key in keys], records)


def test_an_error_that_is_no_share_is_nowhere_in_per_cent(of_ratings):
    assert [row.entry.key for row in of_ratings.rows] == ["dense32", "dense512", "linear"]
    files = render(of_ratings)
    page = files["index.html"].decode().partition('id="measured"')[0]
    for text in ("97.00", "122.00", "percentage points", "RMSE, %", "in per cent"):
        assert text not in page
        assert text not in files["leaderboard.md"].decode()
    for text in (
        "0.9700 <small></small>",
        "±0.0158",
        '<th scope="col">RMSE</th>',
        "Validation RMSE by epoch",
    ):
        assert text in page
    assert cost_points(of_ratings, "parameters")[0].value == pytest.approx(0.97)


def test_an_interval_of_an_error_that_is_no_share_is_not_cut_at_one(of_ratings):
    last = of_ratings.rows[-1].estimate("test/rmse")
    assert 1 < last.low < 1.22 < last.high


def test_the_curves_of_such_an_error_fill_their_picture(of_ratings):
    plots = curve_plots(of_ratings, "validation/rmse")
    assert plots is not None
    series = curves(of_ratings.rows[0], "validation/rmse")
    assert series is not None
    assert series.max() == pytest.approx(0.95 * 12)
    heights = {float(y) for _, plot in plots.plots for y in re.findall(r"[ML][\d.]+ ([\d.]+)", plot)}
    assert max(heights) - min(heights) > 80
