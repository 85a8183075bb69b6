"""Ensembles as rows of a board: what they score and cost, over what they are tested, when they have a rank."""

import csv
import io
import json
import math
import shutil
from statistics import mean

import numpy as np
import pytest

from leaderboard.factory import LABEL, make_board, make_entry, write_failure, write_runs
from podium.leaderboard import verify as v
from podium.leaderboard.build import build, checksums_of
from podium.leaderboard.columns import load_column
from podium.leaderboard.ensemble import make_ensemble
from podium.leaderboard.groups import aligner
from podium.leaderboard.render import verdicts
from podium.leaderboard.rows import read_summary, row_ensembles, row_records
from podium.leaderboard.statistics import holm, paired_p
from podium.leaderboard.summary import definition
from podium.metrics.classification import top_k_error
from podium.records.record import RunRecord, Status

KEYS = ["linear", "dense32"]
METRIC = "test/top1_error"


def board_of(seeds, *ensembles):
    plans = [{"entry": entry, "members": members} for entry, members in ensembles]
    return make_board(KEYS, seeds=list(seeds), ensembles=plans)


def built(folder, seeds, *ensembles, runs=None):
    """A board's table and its folder."""
    runs = runs or write_runs(folder / "runs", KEYS, seeds)
    out = folder / "reports" / "digits"
    return build(board_of(seeds, *ensembles), [make_entry(key) for key in KEYS], runs, out), out


@pytest.fixture(scope="module")
def seven(tmp_path_factory):
    """Seven seeds: three groups of two, one of seven."""
    return built(tmp_path_factory.mktemp("seven"), range(7), ("dense32", 2), ("linear", 2), ("linear", 7))


def row_of(table, key, members=1):
    return next(row for row in table.rows if row.key == (key, members))


def value(row):
    return row.estimate(METRIC).values


def test_an_ensembles_row_has_the_errors_and_summed_costs_of_disjoint_groups(seven):
    table, out = seven
    row, single = row_of(table, "dense32", 2), row_of(table, "dense32")
    assert [group.seeds for group in row.groups] == [(0, 1), (2, 3), (4, 5)]
    folders = {run.seed: out / run.folder for run in single.runs}
    for group in row.groups:
        members = [np.load(folders[seed] / "predictions.npz")["probability"] for seed in group.seeds]
        expected = top_k_error(np.mean([m.astype(np.float64) for m in members], axis=0), LABEL, 1)
        assert group.metrics[METRIC] == expected
    assert row.estimate(METRIC).mean == pytest.approx(mean(group.metrics[METRIC] for group in row.groups))
    for cost in ("parameters", "multiply_adds", "size_mib"):
        assert row.cost(cost) == pytest.approx(2 * single.cost(cost))
    assert row.cost("depth") == single.cost("depth")
    used = [run.record.costs["train_s"] for run in single.runs[:6]]
    assert row.cost("train_s") == pytest.approx(2 * mean(used))
    assert (row.name, row.members) == ("dense 32, ensemble of 2", 2)


def test_a_pair_is_tested_over_common_blocks_in_each_of_which_a_row_has_its_mean(seven):
    table, _ = seven
    ensemble, single = row_of(table, "dense32", 2), row_of(table, "linear")
    found = next(c for c in table.comparisons if {c.first, c.second} == {ensemble.number, single.number})
    ours = value(ensemble)
    theirs = {k: (value(single)[k] + value(single)[k + 1]) / 2 for k in (0, 2, 4)}
    difference = mean(ours[k] - theirs[k] for k in ours)
    assert abs(found.difference) == pytest.approx(abs(difference))
    raw = [
        paired_p(*aligned(table, a, b), resolution=1 / 360)
        for a, b in ((c.first, c.second) for c in table.comparisons)
    ]
    assert sorted(holm(raw)) == pytest.approx(sorted(c.p for c in table.comparisons))
    assert paired_p(ours, theirs, resolution=1 / 360) in [pytest.approx(p) for p in raw]


def aligned(table, first, second):
    rows = [table.rows[number - 1] for number in (first, second)]
    align = aligner([value(row) for row in rows], [row.members for row in rows], table.board.seeds)
    return align(0, 1)


def test_single_rows_are_compared_as_ever():
    values = [{0: 0.1, 1: 0.2}, {0: 0.3, 1: 0.1}]
    assert aligner(values, [1, 1], [0, 1])(0, 1) == (values[0], values[1])


def test_ensembles_of_different_sizes_meet_in_blocks_that_are_whole_groups_of_both():
    seeds = list(range(5, 5 + 19))
    twos = {seed: float(seed) for seed in seeds[0:18:2]}
    threes = {seed: 10.0 * seed for seed in seeds[0:18:3]}
    one, other = aligner([twos, threes], [2, 3], seeds)(0, 1)
    assert one == {5: 7.0, 11: 13.0, 17: 19.0}  # the mean of 5, 7 and 9, ...
    assert other == {5: 65.0, 11: 125.0, 17: 185.0}
    assert aligner([twos, threes], [2, 3], seeds[:17])(0, 1) is None  # two blocks of six


def test_an_ensemble_of_fewer_than_three_groups_has_no_rank_and_no_test(seven):
    table, _ = seven
    row = row_of(table, "linear", 7)
    assert (row.rank, row.number, len(row.groups)) == (None, len(table.rows), 1)
    assert not [c for c in table.comparisons if row.number in (c.first, c.second)]
    assert math.isnan(row.estimate(METRIC).low)
    others = {other.number for other in table.rows} - {row.number}
    assert set(verdicts(table, row)["untested"]) == others
    assert all(row.number in verdicts(table, table.rows[n - 1])["untested"] for n in others)


def test_untested_pairs_do_not_make_the_correction_stricter(seven, tmp_path):
    table, out = seven
    runs = sorted((out / "records").iterdir())
    fewer, _ = built(tmp_path, range(7), ("dense32", 2), ("linear", 2), runs=runs)
    assert [c.p for c in fewer.comparisons] == [c.p for c in table.comparisons]
    assert fewer.detectable == table.detectable
    assert table.detectable.pairs == len(table.comparisons) == 6


def test_an_ensemble_with_a_member_that_diverged_does_not_count(tmp_path):
    runs = write_runs(tmp_path / "runs", KEYS, range(7))
    shutil.rmtree(runs[9])
    runs[9] = write_failure(tmp_path / "runs", "dense32", 2, Status.DIVERGED, "the loss was NaN")
    table, out = built(tmp_path, range(7), ("dense32", 2), runs=runs)
    row = row_of(table, "dense32", 2)
    assert [group.metrics is None for group in row.groups] == [False, True, False]
    assert (row.rank, row.complete) == (None, False)
    assert load_column("seeds").text(row) == "2/3 × 2"
    assert len(table.troubles) == 1
    page = (out / "index.html").read_text()
    assert "a member does not count" in page
    assert "1 planned run does not count" in page


def test_the_page_names_ensembles_their_seeds_and_what_is_not_tested(seven):
    _, out = seven
    page = " ".join((out / "index.html").read_text().split())
    for said in (
        "<dd>2 <small>and 3 ensembles</small></dd>",
        "linear, ensemble of 7",
        '<th scope="row">0, 1, 2, 3, 4, 5, 6</th>',
        "Seed 6 makes no whole group",
        "Not ranked: 1 group of 7 seeds can prove no difference; 21 seeds make 3 groups.",
        "with fewer than 3 common groups",
        "14 <small>of 14</small>",
        "Hollow points are rows without a rank",
    ):
        assert said in page, said
    assert "have no rank" in (out / "leaderboard.md").read_text()
    rows = {row["entry"]: row for row in csv.DictReader(io.StringIO((out / "leaderboard.csv").read_text()))}
    assert rows["linear, ensemble of 7"]["top1_error_seed_0"] == ""
    assert rows["linear"]["top1_error_seed_0"] != ""
    assert rows["linear, ensemble of 7"]["parameters"] == str(7 * 650.0)


def test_a_board_with_ensembles_rebuilds_from_itself_and_verifies(seven):
    table, out = seven
    assert v.verify(out) == []
    board, _ = definition(read_summary(out))
    assert board == table.board


def test_a_better_ensemble_than_its_members_give_is_found(seven, tmp_path):
    report = shutil.copytree(seven[1], tmp_path / "digits")
    raw = json.loads((report / "board.json").read_text())
    row = next(row for row in raw["rows"] if "ensembles" in row)
    row["ensembles"][0]["metrics"][METRIC] = 0.0
    (report / "board.json").write_text(json.dumps(raw, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    (report / "checksums.json").write_bytes(checksums_of(report))
    assert [(p.file, p.field) for p in v.verify(report)] == [("board.json", "bytes")]
    kept = [check for check in v.BOARD_CHECKS if check is not v.check_pages]
    assert v.verify(report, board_checks=kept) == []


def test_a_row_of_ensembles_leads_to_its_members(seven):
    table, out = seven
    row = row_of(table, "dense32", 2)
    assert [record.seed for record in row_records(out, row.number)] == [0, 1, 2, 3, 4, 5]
    found = row_ensembles(out, row.number)
    assert [one["seeds"] for one in found] == [[0, 1], [2, 3], [4, 5]]
    folders = [out / run.folder for run in row.runs[:2]]
    assert found[0]["metrics"][METRIC] == pytest.approx(make_ensemble(folders).metrics[METRIC])
    assert row_ensembles(out, row_of(table, "linear").number) == []


def test_without_ensembles_no_file_of_a_board_speaks_of_them(tmp_path):
    _, out = built(tmp_path, range(3))
    for name in ("index.html", "board.json", "leaderboard.md", "leaderboard.csv"):
        assert "nsemble" not in (out / name).read_text(), name


def test_records_without_predictions_make_no_ensemble(tmp_path):
    runs = write_runs(tmp_path / "runs", KEYS, range(2))
    (runs[3] / "predictions.npz").unlink()
    assert RunRecord.load(runs[3]).seed == 1
    with pytest.raises(ValueError, match=r"predictions\.npz must be there, got no such file"):
        built(tmp_path, range(2), ("dense32", 2), runs=runs)


@pytest.mark.parametrize(
    ("ensembles", "said"),
    [
        ({}, r"^ensembles must be a list, got {}; "),
        ([{"entry": "linear"}], r"^ensembles must name entry and members, got {'entry': 'linear'}; "),
        (["linear"], r"^ensembles must name entry and members, got 'linear'; "),
        ([{"entry": "lenet5", "members": 2}], r"^ensembles must be of the board's entries, got 'lenet5'; "),
        ([{"entry": "linear", "members": 1}], r"^members must be from 2 to the 5 seeds, got 1; "),
        ([{"entry": "linear", "members": 6}], r"^members must be from 2 to the 5 seeds, got 6; "),
        ([{"entry": "linear", "members": True}], r"^members must be from 2 to the 5 seeds, got True; "),
        ([{"entry": "linear", "members": 2}] * 2, r"^ensembles must differ, got 2 of linear twice; "),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_line(ensembles, said):
    with pytest.raises(ValueError, match=said):
        make_board(KEYS, ensembles=ensembles)
