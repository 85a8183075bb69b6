import re

from leaderboard.factory import NETWORKS, make_board, make_entry, write_runs
from podium.leaderboard.plots import Point, cost_plot, cost_points, pareto, together
from podium.leaderboard.table import make_table
from podium.records.record import RunRecord


def make_point(number, cost, error):
    return Point(number, cost, error, error, error, True)


def make(tmp_path, keys, **changes):
    records = [RunRecord.load(folder).with_(**changes) for folder in write_runs(tmp_path, keys)]
    return make_table(make_board(keys), [make_entry(key) for key in keys], records)


def test_the_pareto_front_holds_what_nothing_cheaper_beats():
    points = [
        make_point(1, 10, 5),
        make_point(2, 20, 6),
        make_point(3, 30, 2),
        make_point(4, 30, 1),
        make_point(5, 40, 1),
    ]
    assert [point.number for point in pareto(points, "min")] == [1, 4]


def test_points_that_touch_share_a_label():
    points = [
        make_point(1, 1000, 2.0),
        make_point(2, 1010, 2.02),
        make_point(3, 1000, 4.0),
        make_point(4, 90000, 2.0),
    ]
    assert [[p.number for p in group] for group in together(points)] == [[1, 2], [3], [4]]


def test_a_plot_has_a_label_for_every_row_and_its_own_ids(tmp_path):
    table = make(tmp_path, list(NETWORKS))
    svg = cost_plot(table, "parameters", "Parameters")
    labels = {int(n) for text in re.findall(r">([\d, ]+)</text>", svg) for n in text.split(",")}
    assert {row.number for row in table.rows} <= labels
    assert all(name.startswith("parameters-") for name in re.findall(r'\bid="([^"]+)"', svg))
    assert all(name.startswith("parameters-") for name in re.findall(r'(?:url\(|href=")#([^")]+)', svg))


def test_colours_are_the_pages_and_nothing_is_loaded(tmp_path):
    svg = cost_plot(make(tmp_path, ["linear", "dense32"]), "multiply_adds", "Multiply-adds")
    assert "var(--accent)" in svg
    assert "#0a0b0" not in svg
    assert not re.search(r"<metadata|<\?xml|<!DOCTYPE|<script|<image", svg)


def test_rows_without_a_cost_have_no_plot(tmp_path):
    table = make(tmp_path, ["linear"], costs=None)
    assert cost_points(table, "parameters") == []
    assert cost_plot(table, "parameters", "Parameters") is None
