from math import prod

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models
from twins import assert_same_logits

from podium.layers.naming import Published, from_torchvision, to_torchvision
from podium.networks.resnet import Bottleneck, ResNet
from podium.run.costs import keras_depth, keras_parameters, network_costs
from podium.run.summary import summarize

IMAGENET = [3, 224, 224]
# Depth, shortcut, width and groups of the bottleneck: parameters for 1000 classes.
PARAMETERS = {
    (18, "B", 1.0, 1): 11_689_512,
    (34, "B", 1.0, 1): 21_797_672,
    (50, "B", 1.0, 1): 25_557_032,
    (101, "B", 1.0, 1): 44_549_160,
    (152, "B", 1.0, 1): 60_192_808,
    (18, "none", 1.0, 1): 11_515_688,
    (18, "A", 1.0, 1): 11_515_688,
    (34, "none", 1.0, 1): 21_623_848,
    (34, "A", 1.0, 1): 21_623_848,
    (34, "C", 1.0, 1): 22_716_840,
    (50, "B", 2.0, 1): 68_883_240,
    (50, "B", 2.0, 32): 25_028_904,
    (101, "B", 4.0, 32): 88_791_336,
}
# What torchvision calls the network: depth, width and groups of the bottleneck.
TORCHVISION = {
    "resnet18": (18, 1.0, 1),
    "resnet34": (34, 1.0, 1),
    "resnet50": (50, 1.0, 1),
    "resnet101": (101, 1.0, 1),
    "resnet152": (152, 1.0, 1),
    "wide_resnet50_2": (50, 2.0, 1),
    "wide_resnet101_2": (101, 2.0, 1),
    "resnext50_32x4d": (50, 2.0, 32),
    "resnext101_32x8d": (101, 4.0, 32),
    "resnext101_64x4d": (101, 4.0, 64),
}
# Table 1 of the paper, in 10^9.
MULTIPLY_ADDS = {18: 1.8, 34: 3.6, 50: 3.8, 101: 7.6, 152: 11.3}


def resnet(depth=18, *, stride="3x3", inner=1.0, groups=1, **changes):
    bottleneck = Bottleneck(stride=stride, width=inner, groups=groups) if depth >= 50 else None
    values = {
        "in_shape": [3, 64, 64],
        "num_classes": 10,
        "depth": depth,
        "shortcut": "B",
        "width": 1.0,
        "activation": "relu",
        "norm": "before",
        "use_bias": False,
        "stem": "imagenet",
        "bottleneck": bottleneck,
    }
    return ResNet(**values | changes)


def small(depth=18, **changes):
    return resnet(depth, **{"width": 0.125, "num_classes": 7} | changes)


def on_paper(depth=18, **changes):
    with torch.device("meta"):
        return resnet(depth, **{"in_shape": IMAGENET, "num_classes": 1000} | changes)


def published(name, **changes):
    depth, inner, groups = TORCHVISION[name]
    return on_paper(depth, inner=inner, groups=groups, **changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def shapes(state):
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


@torch.no_grad()
def twins(name, classes=10):
    """The network of torchvision with scales that are not one and statistics of a batch, and ours."""
    torch.manual_seed(0)
    theirs = models.get_model(name, num_classes=classes)
    norms = [module for module in theirs.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(std=0.1)
        norm.momentum = None  # the next batch alone makes the statistics, so that logits depend on the images
    theirs(torch.randn(4, 3, 64, 64))
    for norm in norms:
        norm.momentum = 0.1
    depth, inner, groups = TORCHVISION[name]
    ours = resnet(depth, inner=inner, groups=groups, num_classes=classes)
    ours.load_state_dict(from_torchvision(ours, theirs.state_dict()))
    return ours, theirs


@pytest.mark.parametrize("form", PARAMETERS)
def test_every_form_has_the_published_number_of_parameters(form):
    depth, shortcut, inner, groups = form
    assert count(on_paper(depth, shortcut=shortcut, inner=inner, groups=groups)) == PARAMETERS[form]


def test_resnet_50_with_biases_has_the_parameters_and_the_depth_of_keras():
    flattening = 1  # a layer of its own behind an average pooling of 7x7 there, a part of global pooling here
    network = on_paper(50, use_bias=True, stride="1x1")
    assert keras_parameters(network) == 25_636_712
    assert count(network) == 25_583_592
    assert keras_depth(network, IMAGENET) + flattening == 168
    assert network.stage1[0].shortcut.conv.bias is not None
    assert keras_parameters(on_paper(50)) == 25_610_152


@pytest.mark.parametrize("depth", MULTIPLY_ADDS)
def test_multiply_adds_are_those_of_the_paper_where_the_first_layer_of_a_bottleneck_halves(depth):
    costs = network_costs(on_paper(depth, stride="1x1"), IMAGENET)
    assert costs["multiply_adds"] / 1e9 == pytest.approx(MULTIPLY_ADDS[depth], rel=0.02)
    assert costs["depth"] == depth


def test_halving_in_the_second_layer_costs_more():
    assert network_costs(on_paper(50, stride="1x1"), IMAGENET)["multiply_adds"] == 3_857_973_248
    assert network_costs(on_paper(50, stride="3x3"), IMAGENET)["multiply_adds"] == 4_089_184_256


def test_the_plain_twin_costs_what_option_a_costs():
    plain, padded = (network_costs(on_paper(34, shortcut=name), IMAGENET) for name in ("none", "A"))
    assert plain == padded
    assert plain["multiply_adds"] == 3_644_493_824


@pytest.mark.parametrize(("depth", "expansion"), [(34, 1), (50, 4)])
def test_the_maps_are_those_of_the_paper(depth, expansion):
    network = on_paper(depth)
    x = torch.empty(1, *IMAGENET, device="meta")
    assert network.stem.unit(x).shape == (1, 64, 112, 112)
    x, made = network.stem(x), []
    for stage in (network.stage1, network.stage2, network.stage3, network.stage4):
        x = stage(x)
        made.append(tuple(x.shape[1:]))
    sizes = [(64, 56), (128, 28), (256, 14), (512, 7)]
    assert made == [(filters * expansion, side, side) for filters, side in sizes]


def test_a_bottleneck_of_groups_sees_its_part_of_the_maps():
    rows = {row.name: row for row in summarize(published("resnext50_32x4d"), IMAGENET)}
    assert rows["stage1.0.branch.unit2.conv"].parameters == 3 * 3 * (128 // 32) * 128


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_has_the_same_names_and_shapes(name):
    ours = published(name)
    with torch.device("meta"):
        theirs = models.get_model(name)
    assert isinstance(ours, Published)
    assert ours.torchvision_name() == name
    assert shapes(to_torchvision(ours, ours.state_dict())) == shapes(theirs.state_dict())
    assert shapes(from_torchvision(ours, theirs.state_dict())) == shapes(ours.state_dict())


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnext50_32x4d", "wide_resnet50_2"])
def test_the_weights_of_torchvision_give_the_same_logits(name):
    ours, theirs = twins(name)
    assert_same_logits(ours, theirs, torch.randn(2, 3, 64, 64))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet101", "resnet152", "resnext101_32x8d", "wide_resnet101_2"])
def test_the_weights_of_deep_networks_give_the_same_logits(name):
    ours, theirs = twins(name, classes=1000)
    assert_same_logits(ours, theirs, torch.randn(2, 3, 224, 224))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_one_training_step_is_that_of_torchvision(name):
    ours, theirs = twins(name)
    x, target = torch.randn(4, 3, 64, 64), torch.arange(4)
    before = {key: tensor.clone() for key, tensor in theirs.state_dict().items()}
    for network in (ours, theirs):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        F.cross_entropy(network.train()(x), target).backward()
        optimizer.step()
    grads = to_torchvision(ours, {key: parameter.grad for key, parameter in ours.named_parameters()})
    mine, other = to_torchvision(ours, ours.state_dict()), theirs.state_dict()
    assert all(not torch.equal(before[key], other[key]) for key in other)
    assert mine.keys() == other.keys()
    for key in other:
        torch.testing.assert_close(mine[key], other[key], rtol=1e-5, atol=1e-6)
    for key, parameter in theirs.named_parameters():
        torch.testing.assert_close(grads[key], parameter.grad, rtol=1e-5, atol=1e-6)


def test_the_comparison_would_notice_the_other_stride_and_another_shortcut():
    ours, theirs = twins("resnet50")
    other = resnet(50, stride="1x1")
    other.load_state_dict(ours.state_dict())
    with pytest.raises(AssertionError):
        assert_same_logits(other, theirs, torch.randn(2, 3, 64, 64))


@pytest.mark.parametrize(
    ("depth", "changes"),
    [
        (18, {"shortcut": "A"}),
        (18, {"width": 0.5}),
        (18, {"activation": "tanh"}),
        (18, {"norm": "after"}),
        (18, {"use_bias": True}),
        (18, {"stem": "small"}),
        (50, {"stride": "1x1"}),
        (50, {"groups": 2}),
        (152, {"inner": 2.0}),
    ],
)
def test_torchvision_has_no_network_with_other_options(depth, changes):
    assert on_paper(depth, **changes).torchvision_name() is None


def test_the_plain_twin_has_the_same_parameters_and_computes_something_else():
    residual, plain = small(shortcut="A"), small(shortcut="none")
    plain.load_state_dict(residual.state_dict())
    x = torch.rand(2, 3, 64, 64)
    assert not torch.allclose(residual.eval()(x), plain.eval()(x))


def test_the_small_stem_keeps_the_size_of_small_images():
    network = small(stem="small", in_shape=[1, 28, 28])
    assert network.stem(torch.rand(2, 1, 28, 28)).shape == (2, 8, 28, 28)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 33, 17), (1, 28, 28)])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_other_images_fit(shape, stem):
    assert small(in_shape=shape, stem=stem)(torch.rand(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("norm", ["none", "before", "after"])
@pytest.mark.parametrize("depth", [18, 50])
def test_every_place_of_normalisation_gives_logits_and_gradients(norm, depth):
    network = small(depth, norm=norm, shortcut="C", use_bias=norm == "none", in_shape=[3, 32, 32])
    F.cross_entropy(network(torch.rand(4, 3, 32, 32)), torch.arange(4)).backward()
    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters()
    )


@pytest.mark.parametrize("width", [0.01, 0.1, 0.3])
def test_narrow_bottlenecks_keep_filters_for_every_group(width):
    network = small(50, width=width, inner=2.0, groups=32, in_shape=[3, 32, 32])
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    conv = network.stage1[0].branch.unit2.conv
    assert conv.groups == 32
    assert prod(conv.weight.shape) == 9 * conv.out_channels**2 // 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: resnet(20), r"^depth must be one of 18, 34, 50, 101, 152, got 20; set network.depth=18$"),
        (
            lambda: resnet(50, bottleneck=None),
            r"^bottleneck must be set for 50 layers, got None; use network=resnet50$",
        ),
        (
            lambda: resnet(34, bottleneck=Bottleneck(stride="3x3", width=1.0, groups=32)),
            r"^bottleneck must be null for 34 layers, got .+groups=32.+; use network=resnet34$",
        ),
        (lambda: resnet(width=0.0), r"^width must be positive and finite, got 0.0; "),
        (
            lambda: resnet(50, inner=-1.0),
            r"^width must be positive and finite, got -1.0; set network.bottleneck",
        ),
        (
            lambda: resnet(50, groups=0),
            r"^groups must be positive, got \[0\]; set network.bottleneck.groups=1$",
        ),
        (
            lambda: resnet(in_shape=[1, 40]),
            r"^resnet requires images of channels x height x width, got .+; use ",
        ),
        (lambda: resnet(in_shape=[3, 3, 3]), r"^resnet requires images of at least 4x4, got 3x3x3; use "),
    ],
)
def test_impossible_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
