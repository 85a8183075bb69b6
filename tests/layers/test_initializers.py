import math
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from podium.layers.initializers import (
    Constant,
    Orthogonal,
    SmallNormal,
    SmallUniform,
    TorchDefault,
    VarianceScaling,
    Zeros,
    gain_of,
    weight_layers,
)

CONF = Path(__file__).parents[2] / "conf"
FILES = sorted(file.stem for file in (CONF / "initializer").glob("*.yaml"))
FAN_IN, FAN_OUT = 400, 600
GLOROT, LECUN, HE = 2 / (FAN_IN + FAN_OUT), 1 / FAN_IN, 2 / FAN_IN


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def from_file(name, *overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = compose(overrides=[f"+initializer={name}", *overrides]).initializer
    return instantiate(OmegaConf.to_container(node, resolve=True), _convert_="all")


def drawn(initializer):
    layer = nn.Linear(FAN_IN, FAN_OUT)
    initializer.apply(layer)
    assert not layer.bias.any()
    return layer.weight.detach()


def small_network():
    return nn.Sequential(
        nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)
    )


def scaling(**changes):
    values = {"fan": "in", "distribution": "uniform", "gain": 1.0, "exceptions": {}} | changes
    return VarianceScaling(**values)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", GLOROT),
        ("glorot_normal", GLOROT),
        ("lecun_uniform", LECUN),
        ("lecun_normal", LECUN),
        ("he_uniform", HE),
        ("he_normal", HE),
        ("small_normal", 0.05**2),
        ("small_uniform", 0.05**2 / 3),
        ("orthogonal", 1 / FAN_OUT),
    ],
)
def test_draws_have_mean_zero_and_the_variance_of_the_formula(name, variance):
    weight = drawn(from_file(name)).double()
    spread = math.sqrt(variance)
    assert abs(weight.mean().item()) < 5 * spread / math.sqrt(weight.numel())
    assert weight.var().item() == pytest.approx(variance, rel=0.01)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("glorot_uniform", math.sqrt(6 / (FAN_IN + FAN_OUT))),
        ("lecun_uniform", math.sqrt(3 / FAN_IN)),
        ("he_uniform", math.sqrt(6 / FAN_IN)),
        ("small_uniform", 0.05),
    ],
)
def test_uniform_draws_fill_the_range_and_stay_in_it(name, limit):
    largest = drawn(from_file(name)).abs().max().item()
    assert 0.999 * limit < largest <= limit * (1 + 1e-6)


@pytest.mark.parametrize(
    ("name", "variance"), [("glorot_normal", GLOROT), ("lecun_normal", LECUN), ("he_normal", HE)]
)
def test_normal_draws_are_cut_at_two_deviations_of_the_uncut_distribution(name, variance):
    limit = 2 * math.sqrt(variance) / 0.8796
    largest = drawn(from_file(name)).abs().max().item()
    assert 0.99 * limit < largest <= limit * (1 + 1e-4)


def test_small_normal_is_not_cut():
    assert drawn(from_file("small_normal")).abs().max().item() > 4 * 0.05


def test_the_constant_of_the_truncation_is_the_deviation_of_a_normal_cut_at_two():
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    inside = math.erf(2 / math.sqrt(2))
    assert math.sqrt(1 - 2 * 2 * density / inside) == pytest.approx(0.87962566103423978, rel=1e-12)


def test_orthogonal_rows_are_orthogonal_and_of_length_gain():
    layer = nn.Conv2d(4, 6, 3)
    Orthogonal(gain=2.0, exceptions={}).apply(layer)
    rows = layer.weight.detach().flatten(1)
    assert torch.allclose(rows @ rows.T, 4 * torch.eye(6), atol=1e-5)


def test_zeros_and_constants_are_exact():
    assert not drawn(Zeros(exceptions={})).any()
    assert (drawn(Constant(value=0.25, exceptions={})) == 0.25).all()


def test_torch_default_leaves_every_value():
    network = small_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    TorchDefault(exceptions={}).apply(network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_normalisation_layers_stay_as_they_are():
    network = small_network()
    Zeros(exceptions={}).apply(network)
    assert (network[3].weight == 1).all()


def test_the_gain_table():
    assert gain_of(None) == gain_of(nn.Sigmoid()) == 1
    assert gain_of(nn.Tanh()) == 5 / 3
    assert gain_of(nn.ReLU()) == math.sqrt(2)
    assert gain_of(nn.LeakyReLU(0.2)) == math.sqrt(2 / 1.04)
    assert gain_of(nn.PReLU(init=0.25)) == pytest.approx(math.sqrt(2 / 1.0625))


def test_an_activation_without_a_gain_is_refused():
    with pytest.raises(ValueError, match=r"^gain=activation requires .*, got Softplus; set a number"):
        gain_of(nn.Softplus())


def test_each_layer_is_paired_with_the_activation_behind_it():
    activations = [type(activation).__name__ for _, activation in weight_layers(small_network()).values()]
    assert activations == ["Tanh", "ReLU", "NoneType"]


def test_the_gain_of_the_activation_scales_each_layer():
    plain, scaled = small_network(), small_network()
    torch.manual_seed(0)
    scaling().apply(plain)
    torch.manual_seed(0)
    scaling(gain="activation").apply(scaled)
    ratios = [(scaled[k].weight / plain[k].weight).mean().item() for k in (0, 2, 5)]
    assert ratios == pytest.approx([5 / 3, math.sqrt(2), 1], rel=1e-5)


def test_an_exception_is_used_where_its_pattern_matches_and_only_there():
    network = small_network()
    Constant(value=1.0, exceptions={"5": Zeros(exceptions={})}).apply(network)
    assert (network[0].weight == 1).all()
    assert not network[5].weight.any()


def test_the_first_pattern_that_matches_wins():
    exceptions = {"0": Constant(value=2.0, exceptions={}), "*": Zeros(exceptions={})}
    network = small_network()
    Constant(value=1.0, exceptions=exceptions).apply(network)
    assert (network[0].weight == 2).all()
    assert not network[2].weight.any()


def test_an_exception_that_matches_no_layer_is_refused():
    initializer = Zeros(exceptions={"outptu": Zeros(exceptions={})})
    with pytest.raises(
        ValueError, match=r"^exceptions.outptu must match a layer, got none; the layers are 0, 2, 5$"
    ):
        initializer.apply(small_network())


def test_an_exception_with_exceptions_is_refused():
    inner = Zeros(exceptions={"a": Zeros(exceptions={})})
    with pytest.raises(ValueError, match=r"^exceptions.output must be an initializer without exceptions"):
        Zeros(exceptions={"output": inner})


def test_a_network_without_weight_layers_is_refused():
    with pytest.raises(
        ValueError, match=r"^an initializer requires linear or convolutional layers or tables, got ReLU"
    ):
        Zeros(exceptions={}).apply(nn.ReLU())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SmallNormal(stddev=0.0, exceptions={}), "stddev must be positive"),
        (lambda: SmallUniform(limit=-1.0, exceptions={}), "limit must be positive"),
        (lambda: Orthogonal(gain=math.nan, exceptions={}), "gain must be positive"),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", FILES)
def test_every_file_initialises_a_network(name):
    network = nn.Sequential()
    network.add_module("hidden", nn.Linear(6, 8))
    network.add_module("activation", nn.ReLU())
    network.add_module("output", nn.Linear(8, 2))
    from_file(name).apply(network)
    assert network(torch.rand(3, 6)).isfinite().all()


def test_an_exception_can_be_composed_on_the_command_line():
    file = from_file("he_normal_glorot_output").exceptions["output"]
    line = from_file("he_normal", "+initializer@initializer.exceptions.output=glorot_normal").exceptions[
        "output"
    ]
    assert vars(file) == vars(line)
    assert file.fan == "average"
