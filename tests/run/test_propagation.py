"""Signals through a network: measured against automatic differentiation, and what the lectures say of initialisers."""

import itertools
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.optim.lr_scheduler import ConstantLR

from podium.contracts import Batch
from podium.layers.initializers import Initializer
from podium.run.propagation import LayerSignal, backward_course, forward_course, measure, verdict
from podium.tasks.classification import Classification

CONF = Path(__file__).parents[2] / "conf"
WIDTH, DEPTH, CLASSES = 512, 30, 10


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def initializer(name: str) -> Initializer:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = compose(overrides=[f"+initializer={name}"]).initializer
    return instantiate(OmegaConf.to_container(node, resolve=True), _convert_="all")


def task_of(network: nn.Module) -> Classification:
    return Classification(
        network=network,
        tricks=[],
        optimizer=partial(torch.optim.SGD, lr=0.1),
        schedule=partial(ConstantLR, factor=1.0, total_iters=0),
        num_classes=CLASSES,
    )


def deep(activation: type[nn.Module], *, scheme: str, width: int = WIDTH) -> nn.Module:
    """30 layers with their activations, and an output layer."""
    hidden = [(nn.Linear(width, width), activation()) for _ in range(DEPTH)]
    network = nn.Sequential(*itertools.chain(*hidden), nn.Linear(width, CLASSES))
    initializer(scheme).apply(network)
    return network


def noise(width: int = WIDTH, examples: int = 200) -> Batch:
    return Batch(torch.randn(examples, width), torch.randint(CLASSES, (examples,)))


def signals(activation: type[nn.Module], scheme: str) -> list[LayerSignal]:
    return measure(task_of(deep(activation, scheme=scheme)), noise())


def test_he_variance_keeps_signal_and_gradient_within_a_factor_of_2_over_30_relu_layers():
    for scheme in ("he_normal", "he_uniform"):
        found = signals(nn.ReLU, scheme)
        for course in (forward_course(found), backward_course(found)):
            assert course.at is None
            assert course.factor < 2, scheme


def test_glorot_and_small_weights_lose_the_signal_of_relu_layers_at_the_rate_of_the_theory():
    """Half of the variance a layer with glorot, 0.05^2 * 512 / 2 of it with small weights."""
    for scheme, rate in (("glorot_normal", 0.5**0.5), ("small_normal", 0.05 * (WIDTH / 2) ** 0.5)):
        found = signals(nn.ReLU, scheme)
        ratio = found[DEPTH - 1].forward / found[0].forward
        assert ratio ** (1 / (DEPTH - 1)) == pytest.approx(rate, rel=0.03)
        assert forward_course(found).word == "vanishes"
        assert backward_course(found).word == "vanishes"


def test_glorot_suits_tanh_where_small_weights_vanish_and_unit_weights_saturate():
    """Within a factor of 10 over 30 layers, where relu layers lose 30,000; he_normal does not lose more here."""
    glorot, small = signals(nn.Tanh, "glorot_normal"), signals(nn.Tanh, "small_uniform")
    for course in (forward_course(glorot), backward_course(glorot)):
        assert course.at is None
        assert course.factor < 10
    assert forward_course(small).word == backward_course(small).word == "vanishes"
    saturated = deep(nn.Tanh, scheme="zeros")
    for layer in saturated[:-1:2]:
        nn.init.normal_(layer.weight)
    assert backward_course(measure(task_of(saturated), noise())).word == "is zero"


def test_zeros_give_equal_units_that_never_learn():
    network = deep(nn.ReLU, scheme="zeros", width=16)
    task = task_of(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for k in range(5):
        optimizer.zero_grad()
        task.training_step(noise(16), k).backward()
        optimizer.step()
    assert not any(layer.weight.any() for layer in network[::2])
    found = measure(task, noise(16))
    assert all(signal.equal and signal.forward == 0 for signal in found[:-1])
    said = verdict(found)
    assert "the signal is zero at layer 1 (0)" in said
    assert "all relu units are dead at layer 1 (0)" in said
    assert "all units of layer 1 (0) are equal and stay so" in said


def test_constant_weights_learn_but_all_units_the_same():
    network = nn.Sequential(nn.Linear(8, 16), nn.Sigmoid(), nn.Linear(16, CLASSES))
    initializer("constant").apply(network)
    task = task_of(network)
    before = network[0].weight.clone()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for k in range(5):
        optimizer.zero_grad()
        task.training_step(noise(8), k).backward()
        optimizer.step()
    weight = network[0].weight.detach()
    assert not torch.equal(weight, before)
    torch.testing.assert_close(weight, weight[:1].expand_as(weight))
    assert measure(task, noise(8))[0].equal


def test_what_is_measured_is_what_autograd_gives():
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(96, CLASSES)
    )
    batch = Batch(torch.randn(20, 1, 6, 6), torch.randint(CLASSES, (20,)))
    maps = network[0](batch.input).detach().requires_grad_()
    logits = network[4](torch.relu(network[1](maps)).flatten(1))
    logits.retain_grad()
    nn.functional.cross_entropy(logits, batch.target).backward()
    network.zero_grad()
    first, last = measure(task_of(network), batch)
    assert (first.name, last.name) == ("0", "4")
    assert first.forward == pytest.approx(maps.std(correction=0).item(), rel=1e-5)
    assert first.backward == pytest.approx(maps.grad.std(correction=0).item(), rel=1e-4)
    assert last.backward == pytest.approx(logits.grad.std(correction=0).item(), rel=1e-4)


def test_dead_units_are_counted_by_channel_and_by_feature():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, CLASSES)
    )
    nn.init.constant_(network[0].bias, 50)
    nn.init.constant_(network[3].bias, -1000)
    with torch.no_grad():
        network[0].bias[1] = -50
        network[3].bias[:2] = 1000
    found = measure(task_of(network), Batch(torch.randn(9, 1, 6, 6), torch.randint(CLASSES, (9,))))
    assert [signal.dead for signal in found] == [0.25, 0.6, None]


def test_weights_gradients_and_hooks_are_left_as_they_were():
    network = deep(nn.ReLU, scheme="he_normal", width=8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measure(task_of(network), noise(8))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def layers(forward, backward=None, dead=None):
    return [
        LayerSignal(f"l{k}", value, equal=False, backward=back, dead=dead)
        for k, (value, back) in enumerate(zip(forward, backward or forward, strict=True), start=1)
    ]


@pytest.mark.parametrize(
    ("forward", "word", "at"),
    [
        ([1, 0.5, 0.02, 0.02, 9], "stays", None),
        ([1, 0.5, 0.009, 0.02, 9], "vanishes", 2),
        ([1, 50, 101, 9000, 9], "explodes", 2),
        ([1, float("inf"), 1, 1, 9], "explodes", 1),
        ([float("nan"), 1, 1, 1, 9], "explodes", 0),
        ([1, 1, 0, 0, 9], "is zero", 2),
    ],
)
def test_a_course_says_where_the_signal_is_lost(forward, word, at):
    found = layers([float(value) for value in forward])
    assert (forward_course(found).word, forward_course(found).at) == (word, at)


def test_the_gradient_is_followed_from_the_output_down():
    found = layers([1.0] * 5, [1e-9, 1e-5, 1e-3, 1.0, 50.0])
    assert (backward_course(found).word, backward_course(found).at) == ("vanishes", 2)
    assert verdict(found) == (
        "the signal stays within a factor of 1 over 4 layers; the gradient vanishes at layer 3 (l3)"
    )


def test_the_sentence_names_the_share_of_dead_units():
    assert verdict(layers([1.0] * 3, dead=0.25)).endswith("at most 25% of a layer's relu units are dead")
