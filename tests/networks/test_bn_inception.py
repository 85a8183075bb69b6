import pytest
import torch
from inceptions import SMALL, options
from torch import nn

from podium.networks.bn_inception import BNInception
from podium.run.costs import network_costs
from podium.run.summary import summarize

PAPER = options("bn_inception") | {"in_shape": [3, 224, 224], "num_classes": 1000}

# Figure 5 of the paper: outputs, and the weights of the modules by hand.
LINES = {
    "conv1": ((64, 112, 112), 24 * 64),
    "pool1": ((64, 56, 56), 0),
    "conv3": ((192, 56, 56), 64 * 192 * 9),
    "pool2": ((192, 28, 28), 0),
    "inception3a": ((256, 28, 28), 192 * (64 + 64 + 64 + 32) + 9 * (64 * 64 + 64 * 96 + 96 * 96)),
    "inception3b": ((320, 28, 28), 256 * (64 + 64 + 64 + 64) + 9 * (64 * 96 + 64 * 96 + 96 * 96)),
    "inception3c": ((576, 14, 14), 320 * (128 + 64) + 9 * (128 * 160 + 64 * 96 + 96 * 96)),
    "inception4a": ((576, 14, 14), 576 * (224 + 64 + 96 + 128) + 9 * (64 * 96 + 96 * 128 + 128 * 128)),
    "inception4b": ((576, 14, 14), 576 * (192 + 96 + 96 + 128) + 9 * (96 * 128 + 96 * 128 + 128 * 128)),
    "inception4c": ((576, 14, 14), 576 * (160 + 128 + 128 + 96) + 9 * (128 * 160 + 128 * 160 + 160 * 160)),
    "inception4d": ((576, 14, 14), 576 * (96 + 128 + 160 + 96) + 9 * (128 * 192 + 160 * 192 + 192 * 192)),
    "inception4e": ((1024, 7, 7), 576 * (128 + 192) + 9 * (128 * 192 + 192 * 256 + 256 * 256)),
    "inception5a": ((1024, 7, 7), 1024 * (352 + 192 + 160 + 128) + 9 * (192 * 320 + 160 * 224 + 224 * 224)),
    "inception5b": ((1024, 7, 7), 1024 * (352 + 192 + 192 + 128) + 9 * (192 * 320 + 192 * 224 + 224 * 224)),
}


def bn_inception(**changes):
    torch.manual_seed(0)
    return BNInception(**PAPER | changes)


def small(**changes):
    return bn_inception(**SMALL | changes)


@pytest.fixture(scope="module")
def paper():
    with torch.device("meta"):
        return bn_inception()


@pytest.fixture(scope="module")
def rows(paper):
    return summarize(paper, PAPER["in_shape"])


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_the_figure_has_its_output(rows, line):
    assert [row for row in rows if row.name.split(".")[1:2] == [line]][-1].shape == LINES[line][0]


@pytest.mark.parametrize("line", LINES)
def test_every_line_has_the_weights_counted_by_hand(paper, line):
    convs = [
        module for module in paper.features.get_submodule(line).modules() if isinstance(module, nn.Conv2d)
    ]
    assert sum(conv.weight.numel() for conv in convs) == LINES[line][1]


def test_all_parameters_are_counted_by_hand(paper):
    depthwise, conv2, output = 3 * 8 * 49, 64 * 64, 1024 * 1000 + 1000
    norms = sum(2 * module.num_features for module in paper.modules() if isinstance(module, nn.BatchNorm2d))
    by_hand = depthwise + conv2 + sum(weights for _, weights in LINES.values()) + norms + output
    costs = network_costs(paper, PAPER["in_shape"])
    assert costs["parameters"] == by_hand == 11_188_288
    assert costs["multiply_adds"] == 1_934_857_216


def test_an_ordinary_first_convolution_has_the_parameters_of_googlenets():
    names = [name for name, _ in small(separable=False).features.named_children()]
    assert names[0] == "conv1"
    with torch.device("meta"):
        ordinary = bn_inception(separable=False)
    assert ordinary.features.conv1.conv.weight.shape == (64, 3, 7, 7)


def test_the_maximum_is_pooled_in_5b_and_where_maps_are_halved():
    kinds = {}
    for name, module in small().features.named_children():
        if name.startswith("inception"):
            pool = next(
                part for part in module.towers[-1].modules() if isinstance(part, nn.MaxPool2d | nn.AvgPool2d)
            )
            kinds[name.removeprefix("inception")] = (type(pool).__name__, pool.stride)
    average, maximum = ("AvgPool2d", 1), ("MaxPool2d", 1)
    assert kinds == dict.fromkeys(("3a", "3b", "4a", "4b", "4c", "4d", "5a"), average) | {
        "3c": ("MaxPool2d", 2),
        "4e": ("MaxPool2d", 2),
        "5b": maximum,
    }


def test_averages_do_not_count_the_border():
    pool = small().features.inception3a.towers[-1][0]
    assert torch.equal(pool(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4))


def test_halving_modules_pass_the_pooled_input_on():
    module = small().features.inception3c.eval()
    x = torch.randn(2, 320 // 8, 9, 7)
    assert torch.equal(module(x)[:, -320 // 8 :], nn.functional.max_pool2d(x, 3, 2, 1))


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 17, 9), (3, 1, 1)])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_images_of_any_size_fit(stem, shape):
    network = small(stem=stem, in_shape=shape).eval()
    assert network(torch.rand(2, *shape)).shape == (2, 7)


def test_the_small_stem_keeps_the_size():
    shapes = {row.name: row.shape for row in summarize(small(), SMALL["in_shape"])}
    assert shapes["features.inception3b.merge"] == (320 // 8, 32, 32)
    assert shapes["features.inception5b.merge"] == (1024 // 8, 8, 8)


def test_norm_bias_activation_and_dropout_are_options():
    network = small(norm="none", use_bias=True, activation="tanh", dropout=0.1)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert network.features.conv1.conv.bias is not None
    assert any(isinstance(module, nn.Tanh) for module in network.modules())
    assert network.dropout.p == 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
        (
            {"in_shape": [1, 40]},
            r"^bn_inception requires images of channels x height x width, got samples of 1x40; ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
