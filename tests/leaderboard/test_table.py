import math
from dataclasses import replace

import numpy as np
import pytest

from leaderboard.factory import (
    DATA,
    ENVIRONMENT,
    make_board,
    make_entry,
    write_failure,
    write_run,
    write_runs,
)
from podium.leaderboard.runs import LEFT_OUT, MISSING, hardware_of
from podium.leaderboard.table import make_table
from podium.records.record import RunRecord, Status

KEYS = ["linear", "cifar_resnet20"]


def table_of(folders, keys=KEYS, **changes):
    records = [RunRecord.load(folder) for folder in folders]
    return make_table(make_board(keys, **changes), [make_entry(key) for key in keys], records)


@pytest.fixture
def runs(tmp_path):
    return write_runs(tmp_path, KEYS)


def test_rows_stand_in_the_order_of_their_mean_and_count_from_one(runs):
    table = table_of(runs)
    assert [(row.number, row.entry.key, row.rank) for row in table.rows] == [
        (1, "cifar_resnet20", 1),
        (2, "linear", 2),
    ]
    errors = [record.metrics["test/top1_error"] for record in map(RunRecord.load, runs[:5])]
    found = table.rows[1].estimate("test/top1_error")
    assert found.mean == pytest.approx(np.mean(errors))
    assert found.values == dict(enumerate(errors))


def test_the_order_of_records_changes_nothing(runs):
    assert table_of(runs) == table_of(runs[::-1])


def test_direction_max_turns_the_table(runs):
    table = table_of(runs, direction="max")
    assert [(row.entry.key, row.rank) for row in table.rows] == [("linear", 1), ("cifar_resnet20", 2)]


def test_comparisons_name_row_numbers_with_the_better_placed_first(runs):
    (found,) = table_of(runs).comparisons
    assert (found.first, found.second) == (1, 2)
    assert found.difference < 0


def test_a_diverged_run_stays_in_the_denominator_and_takes_the_rank_away(tmp_path):
    runs = write_runs(tmp_path, KEYS)[:-1]
    runs.append(write_failure(tmp_path / "more", KEYS[1], 4, Status.DIVERGED, "the loss was NaN"))
    table = table_of(runs)
    row = table.rows[-1]
    assert (row.entry.key, row.rank, len(row.finished), len(row.runs)) == ("cifar_resnet20", None, 4, 5)
    ((found_row, run),) = table.troubles
    assert (found_row, run.seed, run.status, run.reason) == (row, 4, "diverged", "the loss was NaN")


def test_a_missing_run_is_named(runs):
    table = table_of(runs[:-1])
    assert [(run.seed, run.status) for _, run in table.troubles] == [(4, MISSING)]


def test_an_entry_without_any_run_is_on_the_table(runs):
    table = table_of(runs[:5])
    row = table.rows[-1]
    assert (row.entry.key, row.rank, row.estimate("test/top1_error"), row.cost("depth")) == (
        "cifar_resnet20",
        None,
        None,
        None,
    )


def test_a_board_without_any_run_is_still_a_table():
    table = table_of([])
    assert len(table.troubles) == 10
    assert (table.data, table.hardware, table.detectable.gap) == (None, None, None)


def test_one_seed_ranks_nobody_apart(runs):
    table = table_of([runs[0], runs[5]], seeds=[0])
    assert [row.rank for row in table.rows] == [1, 1]
    assert table.detectable.gap is None
    assert math.isnan(table.rows[0].estimate("test/top1_error").spread)


def test_other_hardware_is_left_out_and_named(tmp_path, runs):
    other = replace(ENVIRONMENT, gpus=["Example GPU"])
    runs[9] = write_run(tmp_path / "gpu", KEYS[1], 4, environment=other)
    table = table_of(runs)
    assert table.hardware == hardware_of(ENVIRONMENT)
    ((row, run),) = table.troubles
    assert (row.rank, run.status, run.folder is not None) == (None, LEFT_OUT, True)
    assert "Example GPU" in run.reason
    assert 4 not in row.estimate("test/top1_error").values


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"content": "0" * 64}, "runs must be on one data set and split"),
        ({"split": "0" * 64}, "runs must be on one data set and split"),
        ({"test_labels": "0" * 64}, "runs must be on one data set and split"),
    ],
)
def test_different_data_is_never_mixed(tmp_path, runs, changes, said):
    runs[9] = write_run(tmp_path / "other", KEYS[1], 4, data=replace(DATA, **changes))
    with pytest.raises(ValueError, match=said) as caught:
        table_of(runs)
    assert "\n" not in str(caught.value)


def test_two_runs_of_one_entry_and_seed_are_refused(tmp_path, runs):
    runs.append(write_run(tmp_path / "again", KEYS[1], 4))
    with pytest.raises(ValueError, match="must have one run, got two of"):
        table_of(runs)


def test_a_seed_that_was_not_planned_is_refused(tmp_path, runs):
    runs.append(write_run(tmp_path, KEYS[1], 5))
    with pytest.raises(ValueError, match=r"seeds must be among the planned \[0, 1, 2, 3, 4\], got 5"):
        table_of(runs)


def test_a_run_of_another_entry_is_refused(tmp_path, runs):
    runs.append(write_run(tmp_path, "dense32", 0))
    with pytest.raises(ValueError, match="runs must be of the board's entries"):
        table_of(runs)


def test_a_metric_that_no_run_has_is_refused(runs):
    with pytest.raises(ValueError, match="got test/top9_error"):
        table_of(runs, metric="test/top9_error")


def test_a_finished_run_without_metrics_is_refused(tmp_path, runs):
    runs[9] = write_run(tmp_path / "odd", KEYS[1], 4, metrics=None)
    with pytest.raises(ValueError, match="a finished run must have metrics"):
        table_of(runs)
