import csv
import io
import re
from html.parser import HTMLParser

import pytest

from leaderboard.factory import make_board, make_entry, write_failure, write_runs
from podium.leaderboard.render import render, stretches, train_command, verdicts
from podium.leaderboard.summary import summary
from podium.leaderboard.table import make_table
from podium.records.record import RunRecord, Status

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "formula": '=HYPERLINK("http://evil.example","click")',
    "markdown": "a|b`c`\nd [x](javascript:alert(1)) <b>",
    "template": "{{ 7 * 7 }}{% raw %}",
}


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    keys = ["linear", "dense512", "cifar_resnet20", *HOSTILE]
    folders = write_runs(runs, keys[:3])
    records = [RunRecord.load(folder) for folder in folders]
    for key, name in HOSTILE.items():
        records += [RunRecord.load(folder).with_(name=name) for folder in write_runs(runs, [key], range(4))]
        records.append(RunRecord.load(write_failure(runs, key, 4, Status.FAILED, f"failed: {name}")))
    entries = [make_entry(key, HOSTILE.get(key)) for key in keys]
    return make_table(make_board(keys, title=f"Digits {HOSTILE['script']}"), entries, records)


@pytest.fixture(scope="module")
def files(table):
    return {name: content.decode() for name, content in render(table).items()}


def test_hostile_names_are_text_on_the_page(files):
    page = Page(files["index.html"])
    assert [attrs for tag, attrs in page.tags if tag == "script"] == [{}]
    assert not [
        attrs for tag, attrs in page.tags if tag == "img" or any(name.startswith("on") for name in attrs)
    ]
    for name in HOSTILE.values():
        assert " ".join(name.split()) in page.text


def test_the_page_loads_nothing_and_links_only_into_its_folder(files):
    page = Page(files["index.html"])
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "audio", "video"} - {
        "link"
    }
    assert [attrs["href"] for tag, attrs in page.tags if tag == "link"] == ["data:,"]
    targets = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert all(
        re.fullmatch(r"#row-\d+|leaderboard\.(csv|md|tex)|board\.json|records/[\w./-]+", to) for to in targets
    )
    assert not [attrs for _, attrs in page.tags if "src" in attrs]
    assert "@import" not in files["index.html"]


def test_every_id_on_the_page_is_its_own(files):
    ids = [attrs["id"] for _, attrs in Page(files["index.html"]).tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_the_page_says_what_it_must(files, table):
    text = Page(files["index.html"]).text
    for said in (
        "Rules 1.0.0",
        "Example CPU @ 2.40GHz, 1 thread a run",
        "commit 1234567890ab",
        "torch 2.15.0",
        "Smallest detectable gap",
        "percentage points",
        "seed 4: failed",
        "An entry is ranked only when every planned seed finished",
        "podium train entry=linear data=digits trainer.max_epochs=12 seed=0",
        "podium reproduce reports/digits --row 1",
        "podium verify reports/digits",
    ):
        assert said in text
    assert text.count("5 planned runs do not count") == 1


def test_every_seed_of_every_row_is_on_the_page(files, table):
    text = Page(files["index.html"]).text
    for row in table.rows:
        for record in row.finished:
            assert f"{100 * record.metrics['test/top1_error']:.2f}" in text
            assert f"records/{record.entry_hash[:8]}-s{record.seed}/predictions.npz" in files["index.html"]


def test_no_cell_of_the_csv_is_a_formula(files, table):
    rows = list(csv.DictReader(io.StringIO(files["leaderboard.csv"])))
    assert len(rows) == len(table.rows)
    names = {row["entry"] for row in rows}
    assert '\'=HYPERLINK("http://evil.example","click")' in names
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    assert all(len(row["entry_hash"]) == 64 for row in rows)


def test_the_markdown_table_has_as_many_cells_in_every_line(files, table):
    lines = [line for line in files["leaderboard.md"].splitlines() if line.startswith("|")]
    assert len(lines) == len(table.rows) + 2
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "<script>" not in files["leaderboard.md"]


def test_the_train_command_is_quoted_for_the_shell(table):
    board = make_board(["linear"], overrides=["tricks=[dropout,l2]", "name=a b"])
    odd = make_table(board, [make_entry("linear")], [])
    command = train_command(odd, odd.entries[0], 3)
    assert command == "podium train entry=linear 'tricks=[dropout,l2]' 'name=a b' seed=3"


def test_verdicts_are_the_same_from_both_sides(table):
    found = {row.number: verdicts(table, row) for row in table.rows if row.rank is not None}
    for number, sides in found.items():
        assert all(number in found[other]["worse"] for other in sides["better"])
        assert all(number in found[other]["same"] for other in sides["same"])
        row = table.rows[number - 1]
        assert row.rank == 1 + len(sides["worse"])


def test_a_board_without_runs_says_that_nothing_can_be_claimed():
    empty = make_table(make_board(["linear"]), [make_entry("linear")], [])
    text = Page(render(empty)["index.html"].decode()).text
    assert "no difference can be found and none is claimed" in text
    assert "5 planned runs do not count" in text


def test_a_column_that_does_not_exist_stops_the_page():
    odd = make_table(make_board(["linear"], columns=["entry", "beauty"]), [make_entry("linear")], [])
    with pytest.raises(ValueError, match="columns must name files"):
        render(odd)


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [([], "none"), ([3], "3"), ([1, 2], "1, 2"), ([1, 2, 3, 7, 9, 10, 11, 12], "1–3, 7, 9–12")],
    ids=["none", "one", "two", "stretches"],
)
def test_row_numbers_in_a_row_are_a_stretch(numbers, shown):
    assert stretches(numbers) == shown


def test_so_many_pairs_that_nobody_reads_them_are_left_to_the_records(table, monkeypatch):
    assert len(summary(table)["comparisons"]) == len(table.comparisons) > 0
    monkeypatch.setattr("podium.leaderboard.summary.MOST_PAIRS", 0)
    assert summary(table)["comparisons"] is None
