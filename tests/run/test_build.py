"""Building: parts are tried out before training, refusals name their path, and one seed gives one network."""

from typing import Any

import pytest
import torch
from torch import nn

from podium.run.assemble import compose
from podium.run.build import Assembly, build, build_network, make
from podium.run.errors import ConfigError
from podium.tasks.classification import Classification


def built(*overrides: str) -> Assembly:
    return build(compose(["network=dense32", *overrides]))


def weights(*overrides: str) -> dict[str, torch.Tensor]:
    return built(*overrides).network.state_dict()


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_all_parts_are_built() -> None:
    parts = built("tricks=[dropout,l2]", "trainer.max_epochs=3")
    assert [type(trick).__name__ for trick in parts.tricks] == ["Dropout", "Penalty"]
    assert parts.task.network is parts.network
    assert parts.trainer.max_epochs == 3
    assert parts.data.shape == [1, 8, 8]
    assert any(isinstance(module, nn.Dropout) for module in parts.network.modules())


def test_every_task_may_consult_the_data_of_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(Classification, "consult", lambda task, data: seen.append((task, data)))
    parts = built()
    assert seen == [(parts.task, parts.data)]


def test_one_seed_gives_the_same_weights_whatever_ran_before() -> None:
    first = weights("seed=3")
    torch.rand(1000)
    torch.manual_seed(77)
    assert same(first, weights("seed=3"))
    assert not same(first, weights("seed=4"))


def test_without_seeding_what_ran_before_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    import pytorch_lightning

    first = weights("seed=3")
    monkeypatch.setattr(pytorch_lightning, "seed_everything", lambda *args, **kwargs: None)
    assert not same(first, weights("seed=3"))


@pytest.mark.parametrize("override", ["tricks=[label_smoothing]", "optimizer=sgd", "trainer.max_epochs=2"])
def test_what_is_not_the_network_leaves_its_initial_weights_alone(override: str) -> None:
    assert same(weights(), weights(override))


def test_trying_the_network_leaves_it_as_it_was() -> None:
    config = compose(["network=lecture_cnn_bn_8"])
    torch.manual_seed(0)
    network, _ = build_network(config)
    assert all(module.training for module in network.modules())
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert [int(norm.num_batches_tracked) for norm in norms if norm.num_batches_tracked is not None] == [
        0
    ] * len(norms)
    assert all(parameter.grad is None for parameter in network.parameters())


def refusal(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        build(compose(list(overrides)))
    return str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        (["network=dense32", "network.widths=[0]"], "network: widths must be positive"),
        (["tricks=[dropout]", "tricks.dropout.p=1.5"], "tricks.dropout: p must be in"),
        (
            ["tricks=[grad_clip]", "tricks.grad_clip.max_norm=-1"],
            "tricks.grad_clip: max_norm must be positive",
        ),
        (["initializer=constant", "+initializer.exceptions.nothing=5"], "initializer"),
        (["data.batch_size=0"], "data: batch_size must be at least 1"),
        (["data.split.validation=2.0"], "data: validation must be"),
        (["optimizer.lr=-1"], "optimizer: Invalid learning rate"),
        (["trainer.max_epochs=0"], "trainer.max_epochs must be at least 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_refusal_names_the_path_of_its_part(overrides: list[str], path: str) -> None:
    assert refusal(*overrides).startswith(path)


def test_a_network_that_cannot_take_the_data_is_refused_before_training() -> None:
    said = refusal("network=lenet5", "data=digits")
    assert said.startswith("network")
    assert "28x28" in said


def test_a_network_with_another_number_of_classes_is_refused() -> None:
    said = refusal("network=linear", "network.num_classes=3")
    assert "must give logits of shape (2, 10) for 2 samples, got (2, 3)" in said


def test_a_network_that_fails_on_samples_is_refused_by_name() -> None:
    said = refusal("network=linear", "network.in_shape=[1,9,9]")
    assert said.startswith("network must take samples of shape (1, 8, 8) from data")


def test_a_trick_that_finds_nothing_to_change_is_refused() -> None:
    assert refusal("network=linear", "tricks=[dropout]").startswith("tricks.dropout: ")


def test_a_bug_in_a_part_keeps_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from podium.networks.dense import Linear

    def fail(self: Linear, **settings: Any) -> None:
        raise RuntimeError("a bug")

    config = compose(["network=linear"])
    monkeypatch.setattr(Linear, "__init__", fail)
    with pytest.raises(Exception, match="a bug") as caught:
        make(config["network"], "network")
    assert not isinstance(caught.value, ConfigError)
