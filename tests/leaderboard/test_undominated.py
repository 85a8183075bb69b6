from dataclasses import replace

import pytest

from leaderboard.factory import make_board, make_entry, write_run
from podium.leaderboard.front import fronts, undominated
from podium.leaderboard.table import make_table
from podium.records.record import RunRecord

RATES = {"linear": 0.30, "dense32": 0.10, "dense512": 0.105, "dense_bn": 0.35}
# parameters: linear 650, dense32 2,410, dense512 38,410, dense_bn 45,010


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    folders = [write_run(runs, key, seed, rate=rate) for key, rate in RATES.items() for seed in range(5)]
    records = [RunRecord.load(folder) for folder in folders]
    return make_table(make_board(list(RATES)), [make_entry(key) for key in RATES], records)


def names(table, numbers):
    return {row.entry.key for row in table.rows if row.number in numbers}


def test_only_what_a_cheaper_row_is_proven_better_than_falls_behind(table):
    found = names(table, undominated(table, "parameters"))
    assert found == {
        "linear",
        "dense32",
        "dense512",
    }  # dense512 has the worse mean of two that no test tells apart


def test_without_the_test_bare_means_would_drop_a_row(table):
    bare = replace(table, comparisons=tuple(replace(one, p=0.0) for one in table.comparisons))
    means = {row.entry.key: row.estimate(row.metric).mean for row in table.rows}
    worse = "dense512" if means["dense512"] > means["dense32"] else None
    assert worse is not None
    assert worse not in names(bare, undominated(bare, "parameters"))


def test_rows_without_a_cost_or_a_rank_are_on_no_front(table):
    assert undominated(table, "train_joules") == []
    unranked = replace(table, rows=tuple(replace(row, rank=None) for row in table.rows))
    assert fronts(unranked) == {}
