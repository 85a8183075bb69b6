import math
import re
import xml.dom.minidom

import pytest

from podium.leaderboard.forest import LONGEST, Line, forest, numbers

HELPS = Line("mixup", 1.25, 0.5, 2.0, claimed=True)
NOTHING = Line("cutout", -0.1, -0.9, 0.7, claimed=False)
ONE_SEED = Line("l2", 0.3, math.nan, math.nan, claimed=False)
NONE = Line("swa", math.nan, math.nan, math.nan, claimed=False)


def points(svg):
    """Of the points that are drawn, whether each is filled."""
    return ["fill-opacity: 0" not in style for style in re.findall(r'<use [^>]*style="([^"]*)"', svg)][-3:]


def test_every_line_has_its_label_and_its_numbers():
    svg = forest({"": [HELPS, NOTHING, ONE_SEED, NONE]}, name="worth", axis="points")
    xml.dom.minidom.parseString(svg)
    for text in ("mixup", "+1.25 (+0.50 to +2.00)", "-0.10 (-0.90 to +0.70)", "+0.30", "no seed in common"):
        assert f">{text}<" in svg.replace("\N{MINUS SIGN}", "-")
    assert points(svg) == [True, False, False]


def test_headings_stand_over_their_lines_and_only_where_there_are_several():
    several = forest({"left out": [HELPS], "alone": [NOTHING]}, name="worth", axis="points")
    assert (
        several.index("left out") < several.index("mixup") < several.index("alone") < several.index("cutout")
    )
    assert "left out" not in forest({"left out": [HELPS]}, name="worth", axis="points")


def test_the_same_lines_make_the_same_bytes_and_names_keep_ids_apart():
    lines = {"": [HELPS, NOTHING]}
    assert forest(lines, name="a", axis="x") == forest(lines, name="a", axis="x")
    ids = [set(re.findall(r'id="([^"]+)"', forest(lines, name=name, axis="x"))) for name in ("a", "b")]
    assert not ids[0] & ids[1]


def test_colours_are_the_pages():
    svg = forest({"": [HELPS, NOTHING]}, name="a", axis="x")
    assert "var(--accent)" in svg
    assert "var(--soft)" in svg
    assert not re.search(r"#0a0b0\d", svg)


def test_a_long_label_is_cut_and_names_of_strangers_are_text():
    svg = forest({"": [Line("<b>" + "x" * 90, 1.0, 0.5, 2.0, claimed=True)]}, name="a", axis="x")
    xml.dom.minidom.parseString(svg)
    assert f"&lt;b&gt;{'x' * (LONGEST - 4)}…" in svg


def test_numbers_say_what_there_is():
    assert numbers(HELPS, 1) == "+1.2 (+0.5 to +2.0)"
    assert numbers(NOTHING, 1) == "−0.1 (−0.9 to +0.7)"
    assert numbers(ONE_SEED, 3) == "+0.300"
    assert numbers(Line("x", -0.001, -0.0, 0.004, claimed=False), 2) == "0.00 (0.00 to 0.00)"
    assert numbers(NONE, 2) == "no seed in common"


def test_a_plot_without_lines_is_refused():
    with pytest.raises(ValueError, match="must have lines, got none"):
        forest({"alone": []}, name="a", axis="x")
