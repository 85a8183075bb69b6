"""Learning curves of a board's rows."""

import re

import numpy as np
import pytest

from leaderboard.factory import make_board, make_entry, write_runs
from podium.leaderboard import curves as module
from podium.leaderboard.curves import NAME, curve_plots, curves
from podium.leaderboard.table import make_table
from podium.records.record import RunRecord

METRIC = "validation/top1_error"
NUMBER = r"(-?[\d.]+)"


def make(tmp_path, keys, **changes):
    records = [RunRecord.load(folder).with_(**changes) for folder in write_runs(tmp_path, keys)]
    return make_table(make_board(keys), [make_entry(key) for key in keys], records)


def points(svg):
    """The places of the mean's line, (epochs, 2)."""
    (line,) = re.findall(r'd="M([^"Z]+)" fill="none"', svg)
    return np.array([[float(n) for n in place.split()] for place in line.split("L")])


def test_curves_are_cut_to_the_epochs_that_every_seed_reached(tmp_path):
    folders = write_runs(tmp_path, ["linear"])
    records = [RunRecord.load(folder) for folder in folders]
    short = records[2].history["validation/top1_error"][:7]
    records[2] = records[2].with_(history={"validation/top1_error": short})
    (row,) = make_table(make_board(["linear"]), [make_entry("linear")], records).rows
    assert curves(row, "validation/top1_error").shape == (5, 7)


def test_rows_without_a_history_have_no_plot(tmp_path):
    assert curve_plots(make(tmp_path, ["linear"], history=None), METRIC) is None


def test_each_row_has_its_own_line_over_one_picture_of_all(tmp_path):
    table = make(tmp_path, ["linear", "dense32"])
    found = curve_plots(table, METRIC)
    assert [row.number for row, _ in found.plots] == [row.number for row in table.singles]
    assert found.behind.count(f'<symbol id="{NAME}"') == 1
    assert all(svg.count(f'<use href="#{NAME}"/>') == 1 for _, svg in found.plots)
    for row, svg in found.plots:
        mean = curves(row, METRIC).mean(axis=0)
        x, y = points(svg).T
        assert len(x) == len(mean)
        assert np.ptp(np.diff(x)) <= 0.11  # epochs stand at equal distances, written in tenths of a point
        assert np.corrcoef(y, np.log(mean))[0, 1] == pytest.approx(-1, abs=1e-3)  # downwards, logarithmic


def test_own_lines_stand_on_the_picture_of_all(tmp_path):
    """With one row, its grey line in the picture is its own line, point by point."""
    table = make(tmp_path, ["linear"])
    found = curve_plots(table, METRIC)
    own = points(found.plots[0][1])
    lines = re.findall(rf"M {NUMBER} {NUMBER} ?\n?((?:L {NUMBER} {NUMBER} ?\n?)+)", found.behind)
    places = [
        np.array(re.findall(rf"[ML] {NUMBER} {NUMBER}", f"M {x} {y} {rest}"), dtype=float)
        for x, y, rest, *_ in lines
    ]
    assert any(len(place) == len(own) and np.abs(place - own).max() < 0.06 for place in places)


def test_of_many_rows_some_are_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BEHIND", 2)
    found = curve_plots(make(tmp_path, ["linear", "dense32", "lenet5"]), METRIC)
    assert (len(found.plots), found.drawn) == (3, 2)
