import csv
import math
from statistics import fmean, stdev

import numpy as np
import pytest

from podium.leaderboard.statistics import fold_interval, mean_interval
from podium.sweep.command import publish, summary
from podium.sweep.heatmap import heat_map
from podium.sweep.pivot import as_text, pivot, reading

from .test_result import carried_out

AXES = ("trainer.max_epochs=1,5,9", "tricks.dropout.p=0.1,0.3")


@pytest.fixture
def result(plan_of):
    return publish(carried_out(plan_of(*AXES, "folds=5", "name=cv")))


def test_every_cell_has_the_mean_and_the_deviation_over_the_folds(result):
    plan = result.plan
    table = pivot(plan, heat_map(plan, result.rows, plan.axes[1], plan.axes[0]))
    assert table[0] == ["trainer.max_epochs \\ tricks.dropout.p", "0.1", "0.3"]
    assert [row[0] for row in table[1:]] == ["1", "5", "9"]
    for row in result.rows:
        epochs, p = row.outcome.point
        values = [r.value for r in row.outcome.replicates]
        assert len(values) == 5
        wanted = f"{100 * fmean(values):.2f}% ± {100 * stdev(values):.2f}%"
        assert table[["1", "5", "9"].index(epochs) + 1][["0.1", "0.3"].index(p) + 1] == wanted


def test_the_table_is_printed_and_stands_on_the_page(result):
    lines = summary(result).splitlines()
    (start,) = (k for k, line in enumerate(lines) if line.startswith("trainer.max_epochs \\ "))
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == ["1", "5", "9"]
    assert len({len(line) for line in lines[start : start + 4]}) == 1
    page = (result.plan.folder / "index.html").read_text()
    assert page.count('<table class="pivot">') == 1
    assert '<th class="n">0.1</th>' in page
    assert "over folds, n - 1" in page
    assert "fold 4</th>" in page
    assert "seed 4</th>" not in page
    head = next(csv.reader((result.plan.folder / "table.csv").open()))
    assert head[7:12] == [f"fold {k}" for k in range(5)]


def test_what_failed_was_not_tried_or_is_averaged_says_so(plan_of):
    plan = plan_of(
        "initializer=he_normal,diverge", "tricks.dropout.p=0.1,0.3", "trainer.max_epochs=1,9", "name=f"
    )
    points = [point for point in plan.points() if point[1] == "0.1"]
    rows = publish(carried_out(plan, points)).rows
    cells = heat_map(plan, rows, plan.axes[1], plan.axes[0])
    table = pivot(plan, cells)
    assert table[1][2] == table[2][2] == "–"
    assert table[2][1] == "failed"
    assert "Averaged over trainer.max_epochs" in reading(plan, cells)
    assert "±" in table[1][1]


def test_a_map_of_intervals_has_no_pivot_table(plan_of):
    plan = plan_of(
        "initializer=he_normal,zeros", "tricks.dropout.p=interval(0,0.8)", "search=random", "name=b"
    )
    publish(carried_out(plan))
    assert '<table class="pivot">' not in (plan.folder / "index.html").read_text()


def test_columns_are_aligned():
    assert as_text([["a \\ b", "1"], ["x", "0.5 ± 0.1"]]).splitlines() == [
        "a \\ b          1",
        "x      0.5 ± 0.1",
    ]


def test_the_interval_over_folds_is_that_of_nadeau_and_bengio():
    values = [0.10, 0.12, 0.09, 0.14, 0.11]
    low, high = fold_interval(values, 5)
    half = 2.7764451 * np.std(values, ddof=1) * math.sqrt(1 / 5 + 1 / 4)
    assert (low, high) == pytest.approx((fmean(values) - half, fmean(values) + half))
    narrow = mean_interval(values)
    assert high - low == pytest.approx(1.5 * (narrow[1] - narrow[0]))
    assert all(math.isnan(end) for end in fold_interval([0.1], 5))
