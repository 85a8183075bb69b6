import json

import numpy as np
import pytest

from podium.run.ensemble import ensemble_command
from podium.run.errors import ConfigError
from podium.run.folders import find_folders
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
