"""`podium leaderboard`: what cannot become the board that was asked for is said before anything is trained."""

import pytest

from podium.run.errors import ConfigError
from podium.sweep.leaderboard import leaderboard_command

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
    monkeypatch.setattr("podium.sweep.leaderboard.train_lacking", train)


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
    monkeypatch.setattr("podium.sweep.leaderboard.check_planned", lambda *_: None)
    with pytest.raises(Trained):
        leaderboard_command(board(CLASSIFIES, DECIDES), **OPTIONS)


def test_ensembles_of_classifications_and_of_entries_that_are_left_out_are_no_obstacle():
    for overrides in (
        board(CLASSIFIES),
        [*board(CLASSIFIES, DECIDES), "+board.exclude={family: echo_state}"],
    ):
        with pytest.raises(Trained):
            leaderboard_command(overrides, **OPTIONS)
