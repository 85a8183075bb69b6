"""Finding images by a trained network's features."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.folders import run_folder
from podium.run.retrieve import features_of, retrieve
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]


def test_a_trained_network_finds_digits_of_the_same_class(settings: Settings) -> None:
    config = settings("trainer.max_epochs=4")
    train(config)
    result = retrieve(run_folder(config), queries=4)
    assert result.examples == 359
    assert 0.75 < result.recall[1] <= result.recall[5] <= result.recall[10] <= 1
    assert result.picture.is_file()


def test_features_are_what_goes_into_the_last_layer(settings: Settings) -> None:
    config = settings("trainer.max_epochs=1")
    train(config)
    _, parts = trained(run_folder(config))
    examples = parts.data.examples("test")
    features, label = features_of(parts.network, examples)
    with torch.no_grad():
        logits = parts.network.output(torch.from_numpy(features))
        torch.testing.assert_close(logits, parts.network(examples.batch(slice(None)).input))
    assert label.tolist() == examples.batch(slice(None)).target.tolist()


@pytest.mark.parametrize("queries", [0, 360])
def test_more_queries_than_images_are_refused(settings: Settings, queries: int) -> None:
    config = settings("trainer.max_epochs=1")
    train(config)
    with pytest.raises(
        ConfigError, match=f"^queries must be from 1 to the 359 test examples.* got {queries}$"
    ):
        retrieve(run_folder(config), queries=queries)


def test_a_run_on_signals_is_refused(settings: Settings) -> None:
    config = settings("trainer.max_epochs=1", "data=mnist1d")
    train(config)
    with pytest.raises(ConfigError, match="must be a run on classified images, got mnist1d with samples of"):
        retrieve(run_folder(config), queries=2)
