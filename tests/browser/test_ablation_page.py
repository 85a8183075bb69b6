"""The page of an ablation in a real browser: no scripts, no network, pictures that can be seen, also on a telephone."""

import pytest

from leaderboard.ablations import FACTORS, entries_of, make_ablation, write
from leaderboard.test_ablation_effects import only_together
from podium.leaderboard.build import build
from podium.records.record import Status

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def ablation(tmp_path_factory):
    folder, board = tmp_path_factory.mktemp("ablation"), make_ablation(FACTORS, ["leave_one_out", "pairwise"])
    runs = write(board, only_together, folder / "runs", lost={("only_flip", 1): Status.DIVERGED})
    build(board, entries_of(board), runs, folder / "report")
    return folder / "report"


@pytest.fixture(params=[1200, 400], ids=["wide", "telephone"])
def page(browser, ablation, request):
    context = browser.new_context(viewport={"width": request.param, "height": 800})
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("request", lambda one: page.said.append(one.url))
    page.goto((ablation / "index.html").as_uri())
    yield page
    context.close()


def test_it_opens_without_a_network_or_a_complaint(page, ablation):
    assert page.title() == "What 3 tricks are worth · Podium ablation"
    assert page.said == [(ablation / "index.html").as_uri()]


def test_nothing_is_wider_than_the_window(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_both_pictures_show_every_trick(page):
    pictures = page.locator("figure svg")
    assert pictures.count() == 2
    for k in range(2):
        assert pictures.nth(k).bounding_box()["height"] > 50
        shown = pictures.nth(k).locator("text").all_text_contents()
        assert {"mixup", "cutout", "flip"} <= {*shown}


def test_the_pair_that_works_only_together_is_marked_and_the_hole_is_named(page):
    assert (
        page.locator("tr.claim", has_text="mixup + cutout").inner_text().endswith("they work only together")
    )
    assert "only flip, seed 1: diverged" in page.locator(".notice").inner_text()


def test_a_name_leads_to_its_seeds(page):
    page.locator("a[href='#row-1']").click()
    page.locator("details#row-1 summary").click()
    assert page.locator("details#row-1 table tbody tr").count() == 5
    assert page.get_by_text("podium reproduce reports/ablate-lecture_cnn --row 1", exact=True).is_visible()


def test_a_picture_alone_has_colours(browser, ablation):
    page = browser.new_page()
    page.goto((ablation / "worth.svg").as_uri())
    colour = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    assert colour == "rgb(102, 98, 91)"  # muted: the axis
    page.close()
