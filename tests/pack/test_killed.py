"""A pack that is killed is trained again by the same call, and nothing stays running."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from podium.run.folders import find_folders, find_record

from .sides import MLP, assert_same_history, configs_of, moved, packed, weights

TRAIN = """
import json, sys
from podium.pack.choice import Choice
from podium.pack.form import Form
from podium.pack.train import train_packed
configs = json.load(open(sys.argv[1]))
train_packed(configs, choice=Choice(len(configs), Form.GROUPED, 1.0))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("no_pictures")
def test_a_killed_pack_begins_again_and_ends_as_if_it_had_not_been_killed(tmp_path: Path) -> None:
    configs = configs_of(
        (*MLP, "tricks=[dropout]", "trainer.max_epochs=30"), ("seed=0", "seed=1"), tmp_path / "killed"
    )
    asked = tmp_path / "configs.json"
    asked.write_text(json.dumps(configs))
    process = subprocess.Popen([sys.executable, "-c", TRAIN, str(asked)], cwd=tmp_path)
    journal = tmp_path / "killed"
    while not any(b"validation/loss" in path.read_bytes() for path in journal.glob("*/events.jsonl")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert [record.status for config in configs if (record := find_record(config))] == ["running"] * 2
    again = packed(configs)
    assert [(record.status, record.resumes) for record in again] == [("finished", 1)] * 2
    whole = packed([moved(config, tmp_path / "whole") for config in configs])
    for config, ours, theirs in zip(configs, again, whole, strict=True):
        assert_same_history(ours, theirs)
        ours_, theirs_ = (weights(config, tmp_path / side) for side in ("killed", "whole"))
        assert all((ours_[name] - theirs_[name]).abs().max() < 1e-6 for name in ours_)
        assert len(find_folders(config)) == 1
