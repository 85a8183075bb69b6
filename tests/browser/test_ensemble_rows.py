"""Rows of ensembles in a real browser: their names, their groups of seeds, what is not tested."""

import pytest

from leaderboard.factory import make_board, make_entry, write_runs
from podium.leaderboard.build import build

pytestmark = pytest.mark.browser
KEYS = ["linear", "dense32"]


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A board of two entries, of ensembles of two (three groups) and of seven (one)."""
    runs, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("reports") / "digits"
    plans = [{"entry": "dense32", "members": 2}, {"entry": "linear", "members": 7}]
    board = make_board(KEYS, seeds=list(range(7)), ensembles=plans)
    build(board, [make_entry(key) for key in KEYS], write_runs(runs, KEYS, range(7)), out)
    opened = browser.new_page()
    opened.goto((out / "index.html").as_uri())
    yield opened
    opened.close()


def row(page, name):
    return page.locator("#board tbody tr", has=page.get_by_text(name, exact=True))


def test_an_ensembles_row_shows_its_groups_and_summed_costs(page):
    found = row(page, "dense 32, ensemble of 2")
    assert found.locator(".c-seeds").inner_text() == "3/3 × 2"
    assert found.locator(".c-parameters").inner_text() == "4,820"
    assert row(page, "dense 32").locator(".c-parameters").inner_text() == "2,410"


def test_an_ensemble_of_one_group_has_no_rank_and_no_interval(page):
    found = row(page, "linear, ensemble of 7")
    assert found.locator(".c-rank").inner_text() == "–"
    assert "no interval" in found.locator(".c-top1_error").inner_text()
    found.locator(".c-entry a").click()
    details = page.locator("details[open]")
    assert details.locator("tbody th").all_inner_texts() == ["0, 1, 2, 3, 4, 5, 6"]
    assert details.get_by_text("1 group of 7 seeds can prove no difference").is_visible()


def test_rows_sort_by_name_with_the_ensembles_beside_their_entries(page):
    page.locator("#board thead th.c-entry").get_by_role("button").click()
    assert page.locator("#board .c-entry a").all_inner_texts() == [
        "dense 32",
        "dense 32, ensemble of 2",
        "linear",
        "linear, ensemble of 7",
    ]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_its_window(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
