"""Runs on ratings: recorded, scored again, learning what the files hold, and ranked by their error."""

import pytest

from podium.run.assemble import compose, load_board
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.train import train

SMALL = ("data.num_users=41", "data.num_items=31", "data.batch_size=32", "optimizer.lr=0.02")


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """Two camps of users who like what the others do not: a mean or a bias says nothing."""
    file = tmp_path_factory.mktemp("ratings") / "u.data"
    lines = [f"{u}\t{i}\t{5 if u % 2 == i % 2 else 1}\t0\n" for u in range(1, 41) for i in range(1, 31)]
    file.write_text("".join(lines), encoding="utf-8")
    return file


@pytest.mark.parametrize("network", ["matrix_factorization", "neural_recommender"])
def test_a_run_on_ratings_tells_camps_apart_and_is_scored_again(network, settings_in, tmp_path, ratings):
    words = (f"network={network}", "data=movielens", f"data.root={ratings}", "trainer.max_epochs=8", *SMALL)
    config = settings_in(tmp_path, *words)
    record = train(config)
    assert record.metrics["test/rmse"] < 1.0  # who says 3 is off by 2
    again = evaluate(run_folder(config))
    assert again.largest_change == 0
    assert again.measured == again.recorded


def test_too_little_room_is_said_in_one_line_before_anything_is_trained(settings_in, tmp_path, ratings):
    words = ("network=matrix_factorization", "data=movielens", f"data.root={ratings}", "data.num_users=40")
    config = settings_in(tmp_path, *words)
    with pytest.raises(ConfigError, match=r"set data\.num_users=41 data\.num_items=31$") as error:
        train(config)
    assert "\n" not in str(error.value)


def test_a_recommender_without_ratings_says_which_data_to_use(settings_in, tmp_path):
    with pytest.raises(
        ConfigError, match=r"requires pairs of a user and an item .* got samples of .*; use data=mov"
    ):
        train(settings_in(tmp_path, "network=neural_recommender"))


def test_the_board_of_ratings_ranks_the_smaller_error_first():
    board = load_board("movielens")
    assert (board.metric, board.direction) == ("test/rmse", "min")
    for entry in board.entries:
        config = compose([f"entry={entry}", *board.overrides])
        assert config["network"]["num_users"] == config["data"]["num_users"] == 944
