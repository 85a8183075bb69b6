"""Runs of the first networks, each by its own learning rule."""

import pytest

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
