"""The simulations of docs/statistics.md: identical methods are told apart on at most 5% of boards."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from podium.leaderboard.statistics import holm

TOP = Path(__file__).parents[1]
SCRIPT = TOP / "pipelines" / "simulate_boards.py"
PAGE = TOP / "docs" / "statistics.md"
SIMULATION = runpy.run_path(str(SCRIPT))
BOARDS = 120
NOISE = 0.7  # points: what 4,000 boards leave open of a share of 5%
TABLES = re.compile(r"^\| boards with a false claim.*?\n\n", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", SIMULATION["TRUTHS"])
def test_equal_entries_are_told_apart_on_at_most_five_boards_in_a_hundred(name):
    draw = SIMULATION["TRUTHS"][name]
    assert SIMULATION["false_claims"](draw, 5, BOARDS, correction=holm) <= 0.05


def test_without_the_correction_a_third_of_the_boards_would_make_a_false_claim():
    assert SIMULATION["false_claims"](SIMULATION["equal_spread"], 5, BOARDS, correction=list) > 1 / 3


def test_an_entry_with_a_failed_run_is_not_compared():
    errors = np.array([[0.1, 0.2, 0.3], [0.1, np.nan, 0.3]])
    assert SIMULATION["board"](errors) == [{0: 0.1, 1: 0.2, 2: 0.3}]


def test_the_stated_gap_is_found_four_times_in_five():
    gap = SIMULATION["stated_gap"](5, 60)
    assert 0.68 <= SIMULATION["power"](gap, 5, BOARDS) <= 0.95
    assert SIMULATION["power"](gap / 2, 5, BOARDS) < 0.5


def figures(page):
    """The figures of each row of a page's tables, by the row's name."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [(name, len(cells)) for name, *cells in rows]


def false_shares(page):
    """The false claims in per cent that a page states, the control left out."""
    (found,) = TABLES.findall(page)
    rows = [line.strip("| ").split(" | ") for line in found.splitlines()[2:] if not line.startswith("| *")]
    return [float(cell) for _, *cells in rows if cells for cell in cells]


def test_the_page_states_at_most_five_per_cent_of_false_claims_within_what_its_boards_can_tell():
    page = PAGE.read_text(encoding="utf-8")
    assert "simulate_boards.py 1000" in page
    shares = false_shares(page)
    assert len(shares) == len(SIMULATION["TRUTHS"]) * len(SIMULATION["SEEDS"])
    assert max(shares) <= 5 + NOISE
    assert np.mean(shares) < 3


@pytest.mark.slow
def test_the_page_is_what_the_script_prints():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "4"], capture_output=True, text=True, cwd=TOP, check=False
    )
    assert done.returncode == 0, done.stderr
    page = PAGE.read_text(encoding="utf-8")
    assert figures(done.stdout) == figures(page)
    words = [
        [line for line in text.splitlines() if not re.search(r"\d", line)] for text in (done.stdout, page)
    ]
    assert words[0] == words[1]
