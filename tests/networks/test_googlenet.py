import math

import pytest
import torch
from inceptions import SMALL, count, options
from torch import nn

from podium.contracts import Auxiliary
from podium.networks.googlenet import GoogLeNet
from podium.run.costs import network_costs
from podium.run.summary import summarize

PAPER = options("googlenet") | {"in_shape": [3, 224, 224], "num_classes": 1000}

# Table 1 of the paper: output, published K of parameters and M of operations; beside them the weights of this network.
LINES = {
    "conv1": ((64, 112, 112), 2.7, 34, 9_408),
    "pool1": ((64, 56, 56), None, None, 0),
    "conv2+conv3": ((192, 56, 56), 112, 360, 114_688),
    "pool2": ((192, 28, 28), None, None, 0),
    "inception3a": ((256, 28, 28), 159, 128, 163_328),
    "inception3b": ((480, 28, 28), 380, 304, 388_096),
    "pool3": ((480, 14, 14), None, None, 0),
    "inception4a": ((512, 14, 14), 364, 73, 375_552),
    "inception4b": ((512, 14, 14), 437, 88, 448_512),
    "inception4c": ((512, 14, 14), 463, 100, 509_440),
    "inception4d": ((528, 14, 14), 580, 119, 604_672),
    "inception4e": ((832, 14, 14), 840, 170, 867_328),
    "pool4": ((832, 7, 7), None, None, 0),
    "inception5a": ((832, 7, 7), 1072, 54, 1_042_432),
    "inception5b": ((1024, 7, 7), 1388, 71, 1_442_816),
    "pool": ((1024, 1, 1), None, None, 0),
    "dropout": ((1024,), None, None, 0),
    "output": ((1000,), 1000, 1, 1_024_000),
}
WEIGHED = [line for line, (*_, weights) in LINES.items() if weights]
# K of 1,024 weights of the lines that the table gives otherwise.
OTHER_WEIGHTS = {
    "conv1": 9,
    "inception3b": 379,
    "inception4a": 367,
    "inception4b": 438,
    "inception4c": 498,
    "inception4d": 591,
    "inception4e": 847,
    "inception5a": 1018,
    "inception5b": 1409,
}


def googlenet(**changes):
    torch.manual_seed(0)
    return GoogLeNet(**PAPER | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return googlenet(**changes)


def small(**changes):
    return googlenet(**SMALL | changes)


@pytest.fixture(scope="module")
def plain():
    return on_paper(auxiliary=False)


@pytest.fixture(scope="module")
def rows(plain):
    return summarize(plain, PAPER["in_shape"])


def of_line(rows, line):
    names = line.split("+")
    return [row for row in rows if set(row.name.split(".")[:2]) & set(names)]


def weights_of(network, line):
    names = line.split("+")
    parts = {
        path: module for path, module in network.named_modules() if set(path.split(".")[:2]) & set(names)
    }
    return [module.weight for module in parts.values() if isinstance(module, nn.Conv2d | nn.Linear)]


def in_k(weights):
    return math.floor(weights / 1024 + 0.5)


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_the_table_has_its_output(rows, line):
    assert of_line(rows, line)[-1].shape == LINES[line][0]


@pytest.mark.parametrize("line", LINES)
def test_every_line_has_the_weights_counted_by_hand(plain, line):
    assert sum(weight.numel() for weight in weights_of(plain, line)) == LINES[line][-1]


@pytest.mark.parametrize("line", WEIGHED)
def test_the_parameters_are_those_of_the_table_or_those_that_the_docstring_states(line):
    _, published, _, weights = LINES[line]
    if line in OTHER_WEIGHTS:
        assert in_k(weights) == OTHER_WEIGHTS[line] != published
    else:
        assert weights // 1024 == published


@pytest.mark.parametrize("line", WEIGHED)
def test_the_operations_are_those_of_the_table_but_in_two_lines(rows, line):
    (_, *places), _, published, weights = LINES[line]
    operations = weights * math.prod(places) / 1e6
    if line in ("conv1", "inception5a"):
        assert round(operations) == {"conv1": 118, "inception5a": 51}[line]
    else:
        assert abs(operations - published) < max(0.01 * published, 0.5)


def test_the_first_line_of_the_table_is_a_separable_convolution():
    weights = 7 * 7 * 3 * 8 + 3 * 8 * 64
    assert round(weights / 1000, 1) == 2.7
    assert round(weights * 112 * 112 / 1e6) == 34


def test_all_lines_are_all_weights_and_operations(plain):
    costs = network_costs(plain, PAPER["in_shape"])
    assert (
        sum(weights for *_, weights in LINES.values()) + biases_of(plain) == costs["parameters"] == 6_998_552
    )
    by_hand = sum(weights * math.prod(shape[1:]) for shape, _, _, weights in LINES.values())
    assert costs["multiply_adds"] == by_hand == 1_582_671_872
    assert costs["depth"] == 22


def biases_of(network):
    return sum(parameter.numel() for key, parameter in network.named_parameters() if key.endswith("bias"))


def test_the_auxiliary_classifiers_are_those_of_the_paper():
    by_hand = [(fan * 128 + 128) + (2048 * 1024 + 1024) + (1024 * 1000 + 1000) for fan in (512, 528)]
    network = on_paper()
    assert [count(network.auxiliary1), count(network.auxiliary2)] == by_hand
    assert count(network) == 6_998_552 + sum(by_hand) == 13_378_280
    places = [row.shape for row in summarize(network.auxiliary1, (512, 14, 14))]
    assert places == [(512, 4, 4), (512, 4, 4), *2 * [(128, 4, 4)], (2048,), *3 * [(1024,)], (1000,)]
    rates = [module.p for module in network.modules() if isinstance(module, nn.Dropout)]
    assert rates == [0.7, 0.7, 0.4]


def test_auxiliary_logits_come_in_training_only():
    network, x = small(), torch.rand(2, 3, 32, 32)
    output = network(x)
    assert isinstance(output, Auxiliary)
    assert [logits.shape for logits in (output.logits, *output.others)] == 3 * [(2, 7)]
    assert output.weight == 0.3
    assert network.eval()(x).shape == (2, 7)
    assert small(auxiliary=False)(x).shape == (2, 7)


def test_the_auxiliary_losses_reach_the_lower_layers_alone():
    network = small()
    output = network(torch.rand(2, 3, 32, 32))
    sum(logits.sum() for logits in output.others).backward()
    assert network.lower.conv1.conv.weight.grad.any()
    assert network.auxiliary2.hidden.weight.grad.any()
    assert network.upper.inception5a.towers[0].conv.weight.grad is None


def test_response_normalisation_stands_around_the_second_convolution():
    names = [
        name
        for name, _ in googlenet(
            **SMALL | {"in_shape": [3, 64, 64], "stem": "imagenet"}
        ).lower.named_children()
    ]
    assert names[:7] == ["conv1", "pool1", "norm1", "conv2", "conv3", "norm2", "pool2"]
    x = 100 * torch.rand(2, 3, 32, 32)
    with_it, without = small().eval(), small(local_response_norm=False).eval()
    without.load_state_dict(with_it.state_dict())
    assert not torch.allclose(with_it(x), without(x))


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 31), ("small", 4)])
def test_the_least_image_is_the_least(stem, side):
    shape = [1, side, side + 9]
    network = small(stem=stem, in_shape=shape)
    assert network(torch.rand(2, *shape)).logits.shape == (2, 7)
    message = f"^googlenet requires images of at least {side}x{side}, got 1x{side - 1}x{side}; use network.stem=small"
    with pytest.raises(ValueError, match=message):
        small(stem=stem, in_shape=[1, side - 1, side])


def test_the_small_stem_pools_for_the_first_time_behind_3b():
    shapes = {row.name: row.shape for row in summarize(small(), SMALL["in_shape"])}
    assert shapes["lower.inception3b.merge"] == (480 // 8, 32, 32)
    assert shapes["lower.pool3"] == (480 // 8, 16, 16)
    assert shapes["upper.inception5b.merge"] == (1024 // 8, 8, 8)


def test_width_multiplies_every_filter_and_the_hidden_units():
    network = small(width=0.5)
    assert network.lower.inception3a.towers[1][0].conv.out_channels == 48
    assert network.auxiliary1.hidden.out_features == 512
    assert network.output.in_features == 512


def test_norm_and_activation_are_everywhere():
    network = small(norm="before", use_bias=False, activation="prelu")
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == len(convs) == 59
    assert sum(isinstance(module, nn.PReLU) for module in network.modules()) == 59 + 2
    assert all(conv.bias is None for conv in convs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
        ({"auxiliary_weight": -1.0}, r"^auxiliary_weight must be at least 0 and finite, got -1.0; "),
        (
            {"in_shape": [1, 40]},
            r"^googlenet requires images of channels x height x width, got samples of 1x40; ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
