"""Runs of the first networks, each by its own learning rule."""

import pytest
from test_resume import assert_same_run, in_child, train_and_kill

from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.mc_dropout import compare
from podium.run.train import train


def test_an_autoencoder_is_recorded_and_scored_again_and_has_no_second_reading(settings_in, tmp_path) -> None:
    config = settings_in(tmp_path, "network=autoencoder_256_dropout", "network.widths=[16]")
    record = train(config)
    assert record.metrics is not None
    assert record.history is not None
    assert set(record.metrics) == {"test/mse", "validation/mse"}
    curve = [value for _, value in record.history["validation/mse"]]
    assert curve[-1] == pytest.approx(record.metrics["validation/mse"])
    assert curve[-1] < curve[0]
    again = evaluate(run_folder(config))
    assert again.largest_change == 0
    assert again.measured == again.recorded
    with pytest.raises(ConfigError, match="must be a classification with dropout"):
        compare(run_folder(config), samples=2)


@pytest.mark.parametrize("network", ["perceptron", "madaline"])
def test_a_run_by_a_rule_is_recorded_and_killed_and_resumed_to_the_same_bits(settings_in, tmp_path, network):
    def chosen(folder, every_s):
        words = ("optimizer=momentum", "schedule=cosine", "tricks=[ema,grad_clip,weight_decay]")
        every = ("runtime.flush_every_n_steps=7", f"runtime.checkpoint_every_s={every_s}")
        return settings_in(tmp_path / folder, f"network={network}", *words, *every)

    whole, killed = chosen("whole", 1e9), chosen("killed", 0.0)
    assert in_child(lambda: train(whole)) == 0
    train_and_kill(killed, 8)
    assert in_child(lambda: train(killed)) == 0
    assert_same_run(run_folder(killed), run_folder(whole))
    again = evaluate(run_folder(whole))
    assert again.measured == again.recorded
    curve = [value for _, value in train(whole).history["train/top1_error"]]
    assert curve[-1] < curve[0]
    assert (run_folder(whole) / "confusion_matrix.png").is_file()
