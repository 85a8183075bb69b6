from dataclasses import replace

import pytest

from leaderboard.factory import make_board, make_config, make_entry
from podium.leaderboard.board import Board, Entry, check_entries


def test_a_board_is_the_same_after_a_round_trip_through_plain_values():
    board = make_board(["linear", "dense32"])
    assert Board.from_dict(board.to_dict()) == board


def test_an_entry_is_the_same_for_every_seed():
    assert Entry.from_config("linear", make_config("linear", "linear", 0)) == Entry.from_config(
        "linear", make_config("linear", "linear", 7)
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rules": "2.0.0"}, "rules must be 1.0.x"),
        ({"rules": "1.1.0"}, "rules must be 1.0.x"),
        ({"rules": "one"}, "rules must be 1.0.x"),
        ({"rules": 1.0}, "rules must be text, got 1.0"),
        ({"entries": []}, "entries must name at least one"),
        ({"entries": ["a", "a"]}, "entries must differ, got 'a' twice"),
        ({"entries": ["../a"]}, "entries must be names of files"),
        ({"entries": "linear"}, "entries must be a list of str, got 'linear'"),
        ({"seeds": [0, 0]}, "seeds must differ, got 0 twice"),
        ({"seeds": [-1]}, "seeds must not be negative, got -1"),
        ({"seeds": [True]}, "seeds must be a list of int"),
        ({"columns": ["os.path"]}, "columns must be names of files, got 'os.path'"),
        ({"alpha": 0.0}, "alpha must be between 0 and 1, got 0.0"),
        ({"alpha": "0.05"}, "alpha must be between 0 and 1, got '0.05'"),
        ({"direction": "down"}, "direction must be min or max, got 'down'"),
        ({"metric": "validation/loss"}, "metric must be a test metric"),
        ({"title": ""}, "title must be text, got ''"),
        ({"name": "../digits"}, "name must be letters"),
        ({"seed": [0]}, "seed is not a key of a board"),
    ],
)
def test_a_wrong_board_is_refused_in_one_line(changes, said):
    with pytest.raises(ValueError, match=r"got|not a key") as caught:
        make_board(changes.pop("entries", ["linear"]), **changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_board_without_a_key_is_refused():
    raw = make_board(["linear"]).to_dict()
    del raw["alpha"]
    with pytest.raises(ValueError, match="alpha is required on a board"):
        Board.from_dict(raw)


def test_a_patch_of_the_rules_still_compares():
    assert make_board(["linear"], rules="1.0.7").rules == "1.0.7"


def test_entries_must_be_those_of_the_board_and_different_experiments():
    board = make_board(["linear", "dense32"])
    linear, dense = make_entry("linear"), make_entry("dense32")
    check_entries(board, [linear, dense])
    with pytest.raises(ValueError, match="entries must be those of the board"):
        check_entries(board, [linear])
    with pytest.raises(ValueError, match="with one configuration"):
        check_entries(board, [linear, replace(dense, entry_hash=linear.entry_hash)])
    with pytest.raises(ValueError, match="with one name"):
        check_entries(board, [linear, replace(dense, name=linear.name)])
