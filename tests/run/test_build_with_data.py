"""An initialiser that looks at data gets training inputs, and nobody else loads any."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from podium.data.digits import Digits
from podium.run.assemble import compose
from podium.run.build import build, build_network, training_batch
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]


def first_deviation(network: torch.nn.Module, inputs: torch.Tensor) -> float:
    with torch.no_grad():
        return float(network.get_submodule("hidden.dense1")(inputs.flatten(1)).std())


def test_the_initialiser_sees_training_inputs_of_the_configuration() -> None:
    parts = build(compose(["network=dense32", "initializer=lsuv"]))
    assert first_deviation(parts.network, training_batch(parts.data, 64).input) == pytest.approx(1, rel=1e-4)
    plain = build(compose(["network=dense32", "initializer=orthogonal"]))
    assert abs(first_deviation(plain.network, training_batch(plain.data, 64).input) - 1) > 0.01


def test_a_network_alone_is_the_same_as_in_a_run() -> None:
    config = compose(["network=dense32", "initializer=lsuv", "seed=3"])
    whole = build(config).network.state_dict()
    torch.manual_seed(3)
    alone, _ = build_network(config)
    assert all(torch.equal(whole[name], value) for name, value in alone.state_dict().items())


def test_without_such_an_initialiser_no_data_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Digits) -> None:
        raise ValueError("loaded")

    monkeypatch.setattr(Digits, "load", refuse)
    build(compose(["network=dense32"]))
    with pytest.raises(ConfigError, match=r"^data: loaded$"):
        build(compose(["network=dense32", "initializer=lsuv"]))


def test_the_batch_is_spread_over_the_training_split_and_draws_nothing() -> None:
    data = build(compose(["network=dense32"])).data
    state = torch.get_rng_state()
    few, all_of_them = training_batch(data, 10), training_batch(data, 10**6)
    assert torch.equal(state, torch.get_rng_state())
    assert len(few.input) == 10
    train_split = data.examples("train").batch(slice(None))
    assert torch.equal(all_of_them.input, train_split.input)
    assert torch.equal(few.input[-1], train_split.input[-1])


def test_a_run_is_evaluated_again_as_any_other(settings: Settings, tmp_path: Path) -> None:
    config = settings("initializer=lsuv", "trainer.max_epochs=1")
    train(config)
    assert evaluate(run_folder(config)).largest_change == 0
