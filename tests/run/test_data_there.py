"""Missing data are said before anything trains, and each data set is asked for once."""

import pytest

from podium.data.digits import Digits
from podium.run.assemble import compose
from podium.run.data_there import check_data
from podium.run.errors import ConfigError
from podium.sweep.lacking import train_lacking


def test_data_that_are_not_there_are_one_line_and_nothing_trains(tmp_path, monkeypatch):
    words = ["network=linear", "data=text", f"data.root={tmp_path / 'none'}", "tracking=none"]
    config = compose([*words, "network=char_rnn", f"paths.runs={tmp_path / 'runs'}"])
    with pytest.raises(ConfigError, match=r"data: .* must be a text file, or a folder .*set data.root"):
        train_lacking("Text", [config], concurrency=1, pack="off")
    assert not (tmp_path / "runs").exists()
    monkeypatch.setattr("podium.sweep.lacking.check_data", lambda configs: None)
    monkeypatch.setattr("podium.sweep.board.train_missing", lambda configs, concurrency: [])
    train_lacking("Text", [config], concurrency=1, pack="off")  # nobody else asks before the runs begin


def test_runs_that_differ_by_their_seed_ask_once(monkeypatch):
    asked = []
    load = Digits.load
    monkeypatch.setattr(Digits, "load", lambda self: asked.append(self.seed) or load(self))
    check_data([compose(["network=linear", "data=digits", f"seed={seed}"]) for seed in range(3)])
    assert asked == [0]
    check_data([compose(["network=linear", "data=digits", f"data.split.seed={k}"]) for k in range(2)])
    assert asked == [0, 0, 0]
