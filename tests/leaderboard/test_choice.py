import csv
import io
import json
import re

import pytest

from leaderboard.factory import make_board, make_config, make_entry, write_runs
from podium.leaderboard.build import build, rebuild
from podium.leaderboard.choice import chosen, groups_of, value_of

KEYS = ["linear", "dense32", "lecture_cnn"]
CONFIGS = {
    key: make_config(key, key, 0, trainer={"precision": precision})
    for key, precision in zip(KEYS, ("32-true", "32-true", "bf16-mixed"), strict=True)
}


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """A board whose groups are networks' files, built from whole runs; and its table."""
    folder = tmp_path_factory.mktemp("grouped")
    board = make_board(KEYS, group_by="family")
    entries = [make_entry(key) for key in KEYS]
    return folder / "out", build(board, entries, write_runs(folder / "runs", KEYS), folder / "out")


def test_rows_are_grouped_by_the_file_of_their_network_and_the_best_groups_come_first(grouped):
    _, table = grouped
    groups = groups_of(table)
    assert [group.name for group in groups] == ["lecture_cnn", "linear", "dense32"]
    assert [row.number for group in groups for row in group.rows] == [1, 2, 3]


def test_every_form_of_the_table_names_the_groups(grouped):
    out, _ = grouped
    html = (out / "index.html").read_text()
    assert re.findall(r'<tr class="group">.*?</span> (\w+)</th>', html) == [
        "lecture_cnn",
        "linear",
        "dense32",
    ]
    assert (out / "leaderboard.md").read_text().count("| lecture\\_cnn | 1 |") == 1
    rows = list(csv.DictReader(io.StringIO((out / "leaderboard.csv").read_text())))
    assert [row["family"] for row in rows] == ["lecture_cnn", "linear", "dense32"]
    assert "\\textit{lecture\\_cnn}" in (out / "leaderboard.tex").read_text()
    assert json.loads((out / "board.json").read_text())["board"]["group_by"] == "family"


def test_a_grouped_board_is_built_again_from_itself(grouped, tmp_path):
    out, _ = grouped
    rebuild(out, tmp_path / "again")
    for file in ("index.html", "leaderboard.tex", "board.json", "checksums.json"):
        assert (tmp_path / "again" / file).read_bytes() == (out / file).read_bytes()
    assert "leaderboard.tex" in json.loads((out / "checksums.json").read_text())


def test_entries_are_chosen_by_values_of_their_configurations():
    board = make_board(
        KEYS, include={"trainer.precision": ["32-true", "64-true"]}, exclude={"family": "linear"}
    )
    assert chosen(board, CONFIGS).entries == ["dense32"]
    assert chosen(make_board(KEYS), CONFIGS).entries == KEYS


def test_ensembles_of_entries_that_are_left_out_go_with_them():
    plans = [{"entry": "linear", "members": 2}, {"entry": "dense32", "members": 2}]
    board = make_board(KEYS, exclude={"family": "linear"}, ensembles=plans)
    assert [plan.entry for plan in chosen(board, CONFIGS).ensembles] == ["dense32"]


def test_a_choice_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match=r"must leave an entry, got \{'trainer.precision': '16-mixed'\}"):
        chosen(make_board(KEYS, include={"trainer.precision": "16-mixed"}), CONFIGS)


@pytest.mark.parametrize(
    "bad", [{"group_by": "a b"}, {"include": ["x"]}, {"exclude": {"a b": 1}}, {"include": {}}]
)
def test_a_choice_without_keys_is_refused(bad):
    with pytest.raises(ValueError, match="must "):
        make_board(KEYS, **bad)


def test_a_board_without_choices_says_nothing_of_them():
    assert not {"group_by", "include", "exclude", "ensembles"} & make_board(KEYS).to_dict().keys()


def test_a_value_that_is_not_there_is_null():
    assert value_of(CONFIGS["linear"], "trainer.precision.more") is None
    assert value_of(CONFIGS["linear"], "family") == "linear"
