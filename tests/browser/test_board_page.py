"""The board's page in a real browser: sorting, filtering, hostile names, no scripts, no network."""

import pytest

from browser.conftest import HOSTILE, KEYS
from leaderboard.factory import COLUMNS

pytestmark = pytest.mark.browser
ROWS = len(KEYS) + len(HOSTILE)


class Seen:
    """What a page did that it should not."""

    def __init__(self, page):
        self.dialogs, self.console, self.requests = [], [], []
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture
def opened(browser, report):
    """Open the page: a function of the options of its context."""
    contexts = []

    def open_(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        seen = Seen(page)
        page.goto((report / "index.html").as_uri())
        return page, seen

    yield open_
    for context in contexts:
        context.close()


def shown(page):
    """The names in the rows that can be seen, from the top."""
    rows = page.locator("#board tbody tr:visible .c-entry")
    return rows.all_inner_texts()


def column(page, key):
    return page.locator(f"#board tbody td.c-{key}").evaluate_all("cells => cells.map(c => c.dataset.value)")


def test_the_page_opens_without_a_network_an_error_or_a_dialog(opened, report):
    page, seen = opened()
    assert page.title() == "Handwritten digits · Podium leaderboard"
    assert len(shown(page)) == ROWS
    assert seen.requests == [(report / "index.html").as_uri()]
    assert (seen.dialogs, seen.console) == ([], [])


def test_hostile_names_are_shown_as_text(opened):
    page, seen = opened()
    names = shown(page)
    for name in HOSTILE.values():
        assert " ".join(name.split()) in names
    assert page.locator("img").count() == 0
    assert page.locator("#board b").count() == 0
    assert seen.dialogs == []


def test_a_script_that_came_in_would_not_run(opened):
    page, seen = opened()
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    }""")
    assert page.evaluate("window.ran") is None
    assert "Content Security Policy" in seen.console[0]


def test_a_click_on_a_header_sorts_and_another_turns_the_order(opened):
    page, _ = opened()
    header = page.locator("#board thead th.c-parameters")
    header.get_by_role("button").click()
    values = [float(value) for value in column(page, "parameters")]
    assert values == sorted(values)
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").click()
    values = [float(value) for value in column(page, "parameters")]
    assert values == sorted(values, reverse=True)
    assert header.get_attribute("aria-sort") == "descending"
    assert page.locator("#board thead [aria-sort]").count() == 1


def test_the_keyboard_sorts_too(opened):
    page, _ = opened()
    page.locator("#filter").focus()
    page.keyboard.press("Tab")  # the region that scrolls
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Entry"
    page.keyboard.press("Enter")
    assert page.locator("#board thead th.c-entry").get_attribute("aria-sort") == "ascending"
    names = [name for name in shown(page) if name[0].isalpha()]
    assert names == sorted(names, key=str.lower)


def test_rows_without_a_value_stay_last_in_both_orders(opened):
    page, _ = opened()
    for _ in range(2):
        page.locator("#board thead th.c-rank").get_by_role("button").click()
        assert column(page, "rank")[-1] == ""


def test_the_filter_hides_rows_and_says_how_many_are_left(opened):
    page, _ = opened()
    page.get_by_label("Filter").fill("DENSE")
    assert sorted(shown(page)) == ["dense 32", "dense 512"]
    assert page.get_by_role("status").inner_text() == f"2 of {ROWS} entries"
    page.get_by_label("Filter").fill("<script>")
    assert shown(page) == [HOSTILE["script"]]
    page.get_by_label("Filter").fill("")
    assert len(shown(page)) == ROWS


def test_without_scripts_the_page_is_complete(opened):
    page, seen = opened(java_script_enabled=False)
    assert page.locator("#board tbody tr").count() == ROWS
    assert page.locator("#board thead th").count() == len(COLUMNS)
    assert not page.locator(".tools").is_visible()
    assert page.locator("#board thead button").count() == 0
    assert page.locator("figure svg").count() == 2 + ROWS
    page.locator("details#row-1 summary").click()
    assert page.locator("details#row-1 table tbody tr").count() == 5
    assert page.locator("details#row-1 table").is_visible()
    assert seen.dialogs == []


def test_a_name_leads_to_its_details(opened):
    page, _ = opened()
    page.locator("#board tbody tr .c-entry a").first.click()
    assert page.locator("details#row-1").get_attribute("open") is not None
    assert page.get_by_text("podium reproduce reports/digits --row 1", exact=True).is_visible()


def test_a_row_links_to_its_records(opened, report):
    page, _ = opened()
    links = page.locator("details a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert links
    assert all((report / link).is_file() for link in links)


def test_the_failed_seed_is_in_sight(opened):
    page, _ = opened()
    assert page.get_by_text("1 planned run does not count").is_visible()
    row = page.locator("#board tbody tr", has_text=HOSTILE["script"])
    assert row.locator(".c-seeds").inner_text() == "4/5"
    assert row.locator(".c-rank").inner_text() == "–"


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_fits_its_window(opened, width):
    page, _ = opened(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(opened, scheme):
    page, _ = opened(color_scheme=scheme)
    colours = page.evaluate("""() => {
        const style = getComputedStyle(document.body);
        return [style.color, style.backgroundColor].map((c) => c.match(/[0-9.]+/g).slice(0, 3).map(Number));
    }""")
    ink, paper = (sum(colour) / 3 for colour in colours)
    assert (ink < paper) == (scheme == "light")
    assert abs(ink - paper) > 150
