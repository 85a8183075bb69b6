import json

import numpy as np
import pytest

from podium.leaderboard.board import RULES, Board, Entry
from podium.leaderboard.build import build
from podium.pack.again import train_again
from podium.records.record import RunRecord
from podium.run.ensemble import ensemble_command, ensembles_again
from podium.run.errors import ConfigError
from podium.run.folders import find_folders
from podium.run.repeat import reproduce_command
from podium.run.train import train


@pytest.fixture(scope="module")
def folders(tmp_path_factory, settings_in):
    """Three seeds of a small network on the digits."""
    runs, found = tmp_path_factory.mktemp("members"), []
    for seed in range(3):
        config = settings_in(runs, f"seed={seed}")
        train(config)
        found += find_folders(config)
    return found


def test_the_command_says_what_members_and_ensemble_miss_and_keeps_predictions(folders, tmp_path, capsys):
    assert ensemble_command(folders, out=tmp_path / "ensembles", mc_dropout=None) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.startswith(f"dense32, seed {k}") for k, line in enumerate(said[:3])] == [True] * 3
    assert said[3].startswith("mean of 3 members")
    assert said[4].startswith("ensemble")
    assert "95 % interval" in said[5]
    assert "7,230 parameters" in said[6]  # three times 64 x 32 + 32 + 32 x 10 + 10
    (folder,) = (tmp_path / "ensembles").iterdir()
    document = json.loads((folder / "ensemble.json").read_text())
    members = [dict(np.load(one / "predictions.npz")) for one in folders]
    with np.load(folder / "predictions.npz") as kept:
        np.testing.assert_allclose(
            kept["probability"], np.mean([m["probability"].astype(np.float64) for m in members], axis=0)
        )
        error = (kept["probability"].argmax(1) != kept["label"]).mean()
    assert document["metrics"]["test/top1_error"] == pytest.approx(error)
    assert [member["seed"] for member in document["members"]] == [0, 1, 2]


def test_the_same_members_make_the_same_bytes(folders, tmp_path):
    contents = []
    for out in ("first", "second"):
        ensemble_command(folders, out=tmp_path / out, mc_dropout=None)
        (folder,) = (tmp_path / out).iterdir()
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]


def test_what_makes_no_ensemble_is_refused(folders, tmp_path):
    with pytest.raises(ConfigError, match="two runs or more"):
        ensemble_command(folders[:1], out=tmp_path, mc_dropout=None)
    with pytest.raises(ConfigError, match="needs one run, got 3"):
        ensemble_command(folders, out=tmp_path, mc_dropout=5)
    with pytest.raises(ConfigError, match="with dropout, got dense32 without; train one with"):
        ensemble_command(folders[:1], out=tmp_path, mc_dropout=5)


def test_a_row_of_ensembles_is_reproduced_by_training_its_members_again(folders, tmp_path, capsys):
    entry = Entry.from_config("dense32", RunRecord.load(folders[0]).config)
    board = Board.from_dict(
        {
            "name": "small",
            "title": "Small",
            "description": "Three seeds of one network.",
            "rules": RULES,
            "metric": "test/top1_error",
            "direction": "min",
            "alpha": 0.05,
            "seeds": [0, 1, 2],
            "overrides": [],
            "entries": ["dense32"],
            "columns": ["row", "entry", "top1_error"],
            "ensembles": [{"entry": "dense32", "members": 2}],
        }
    )
    table = build(board, [entry], folders, tmp_path / "small")
    number = next(row.number for row in table.rows if row.groups)
    data = RunRecord.load(folders[0]).config["data"]["root"]
    assert (
        reproduce_command(
            tmp_path / "small", row=number, data_root=data, badge=False, train_again=train_again
        )
        == 0
    )
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"row {number}, dense32: 2 runs again")
    assert "bit-equal: 2 of 2 runs have the same bits" in said[3]
    (line,) = [line for line in said if "ensemble of seeds 0, 1" in line]
    after, before = line.partition("test/top1_error ")[2].split(", published ")
    assert after == before


def test_an_ensemble_of_which_a_member_diverges_this_time_is_said_to_be_none(folders):
    again = [RunRecord.load(folder) for folder in folders[:2]]
    published = [{"seeds": [0, 1], "metrics": {"test/top1_error": 0.1}}]
    failed = [again[0], again[1].with_(metrics=None)]
    assert [*ensembles_again(published, failed, "test/top1_error")] == [
        "  ensemble of seeds 0, 1: not all members finished"
    ]
    (line,) = ensembles_again(published, again, "test/top1_error")
    assert line.endswith(", published 0.100000")
