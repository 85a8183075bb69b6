import pytest

from podium.leaderboard.text import csv_cell, markdown_cell, rounded, visible


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "\t=1", " =1", "＝1"]
)
def test_no_csv_cell_is_a_formula(text):
    assert csv_cell(text).startswith("'")


def test_plain_cells_and_numbers_are_left_alone():
    assert csv_cell("dense 32") == "dense 32"
    assert csv_cell(-0.5) == -0.5
    assert csv_cell(None) == ""


def test_markdown_shows_names_as_they_are():
    assert markdown_cell("a|b`c`\nd") == r"a\|b\`c\` d"
    assert markdown_cell("<b>&*x*_y_[z](http://u)") == r"&lt;b&gt;&amp;\*x\*\_y\_\[z\](http\://u)"
    assert markdown_cell("ResNet-20, 0.5 (1)") == "ResNet-20, 0.5 (1)"


def test_characters_that_hide_or_turn_text_become_marks():
    assert visible("a\u202eb\u200bc\x07") == "a\ufffdb\ufffdc\ufffd"
    assert visible("  two \n lines ") == "two lines"


def test_ten_digits_are_kept():
    assert rounded(0.1 + 0.2) == 0.3
