"""`podium leaderboard`: what cannot become the board that was asked for is said before anything is trained."""

import subprocess
import sys

import pytest

from podium.run.errors import ConfigError
from podium.sweep.leaderboard import leaderboard_command

BESIDE = """
import sys
from podium.run.assemble import board_and_out
from podium.sweep import leaderboard
assert "torch" not in sys.modules, "there would be nothing to do meanwhile"
board, _ = board_and_out(["board=mnist1d"])
found = leaderboard.configurations(board)
assert "torch" in sys.modules
assert found == leaderboard._composed(board)
assert list(found) == board.entries
"""
WRONG = """
from podium.cli import main
main(["leaderboard", "board=mnist1d", "board.entries=[mnist1d_nlp]"])
"""
OPTIONS = {"concurrency": None, "pack": "off"}
CLASSIFIES = "{entry: mnist1d_mlp, members: 2}"
DECIDES = "{entry: mnist1d_echo_state, members: 2}"  # by a readout, without probabilities


class Trained(Exception):
    """Training was asked for."""


@pytest.fixture(autouse=True)
def asked(tmp_path, monkeypatch):
    """An empty folder, in which training raises."""

    def train(title, planned, **_):
        raise Trained(f"{len(planned)} runs")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("podium.sweep.lacking.train_lacking", train)


def board(*ensembles):
    entries = "board.entries=[mnist1d_mlp,mnist1d_echo_state]"
    return ["board=mnist1d", "board.seeds=[0,1]", entries, f"+board.ensembles=[{','.join(ensembles)}]"]


def test_an_ensemble_of_an_entry_without_class_probabilities_is_refused_before_training():
    with pytest.raises(ConfigError) as refused:
        leaderboard_command(board(CLASSIFIES, DECIDES), **OPTIONS)
    assert str(refused.value) == (
        "board.ensembles must be of runs that predict class probabilities, got mnist1d_echo_state with task=RidgeReadout; "
        "leave mnist1d_echo_state out of ensembles"
    )


def test_without_that_look_its_members_would_have_been_trained_in_vain(monkeypatch):
    monkeypatch.setattr("podium.leaderboard.ensemble.check_planned", lambda *_: None)
    with pytest.raises(Trained):
        leaderboard_command(board(CLASSIFIES, DECIDES), **OPTIONS)


def test_ensembles_of_classifications_and_of_entries_that_are_left_out_are_no_obstacle():
    for overrides in (
        board(CLASSIFIES),
        [*board(CLASSIFIES, DECIDES), "+board.exclude={family: echo_state}"],
    ):
        with pytest.raises(Trained):
            leaderboard_command(overrides, **OPTIONS)


def in_a_new_process(code, tmp_path):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_entries_are_composed_beside_the_imports_to_the_same_configurations(tmp_path):
    done = in_a_new_process(BESIDE, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_cannot_be_composed_there_is_one_line(tmp_path):
    done = in_a_new_process(WRONG, tmp_path)
    assert done.returncode == 2
    assert done.stderr == "podium: entry=mnist1d_nlp is not in conf/entry; did you mean mnist1d_mlp?\n"
