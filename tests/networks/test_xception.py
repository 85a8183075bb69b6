import pytest
import timm
import torch
from torch import nn
from twins import assert_same_logits, assert_same_training_step, twins

from podium.layers.merge import Add
from podium.layers.separable import SeparableConv
from podium.networks.xception import Xception
from podium.run.costs import keras_depth, keras_parameters, network_costs

PAPER = {
    "in_shape": [3, 299, 299],
    "num_classes": 1000,
    "width": 1.0,
    "stem": "imagenet",
    "activation": "relu",
    "inner_activation": None,
    "shortcut": "B",
    "dropout": 0.5,
}
SMALL = {"in_shape": [3, 71, 71], "num_classes": 7, "width": 0.03}
# Figure 5 for images of 299x299: maps and size.
SHAPES = {
    "stem.conv1": (32, 149, 149),
    "stem.conv2": (64, 147, 147),
    "entry.0": (128, 74, 74),
    "entry.1": (256, 37, 37),
    "entry.2": (728, 19, 19),
    "middle": (728, 19, 19),
    "exit": (1024, 10, 10),
    "top1": (1536, 10, 10),
    "top2": (2048, 10, 10),
    "flatten": (2048,),
}


class Timms(Xception):
    """Our network with timm's names."""

    def torchvision_modules(self):
        paths = {"output": "fc"}
        for k in (1, 2):
            paths |= {f"stem.conv{k}.conv": f"conv{k}", f"stem.conv{k}.norm": f"bn{k}"}
            paths |= _separable(f"top{k}", f"conv{k + 2}", f"bn{k + 2}")
        blocks = [f"entry.{k}" for k in range(3)] + [f"middle.{k}" for k in range(8)] + ["exit"]
        for number, ours in enumerate(blocks, start=1):
            theirs, first = f"block{number}", 0 if number == 1 else 1
            for k in range(len(self.get_submodule(ours).path)):
                place = f"{theirs}.rep.{first + 3 * k}", f"{theirs}.rep.{first + 3 * k + 1}"
                paths |= _separable(f"{ours}.path.conv{k + 1}", *place)
            paths |= {f"{ours}.shortcut.conv": f"{theirs}.skip", f"{ours}.shortcut.norm": f"{theirs}.skipbn"}
        return paths

    def torchvision_name(self):
        return None


def _separable(ours, conv, norm):
    return {
        f"{ours}.depthwise.conv": f"{conv}.conv1",
        f"{ours}.pointwise.conv": f"{conv}.pointwise",
        f"{ours}.pointwise.norm": norm,
    }


def xception(**changes):
    torch.manual_seed(0)
    return Xception(**PAPER | changes)


def small(**changes):
    return xception(**SMALL | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return Xception(**PAPER | changes)


@pytest.fixture(scope="module")
def timm_twins():
    return twins(
        lambda: Timms(**PAPER | {"dropout": 0.0, "num_classes": 10}),
        lambda: timm.create_model("legacy_xception", num_classes=10),
    )


def test_keras_counts_the_published_parameters_and_layers():
    network = on_paper()
    assert keras_parameters(network) == 22_910_480
    assert keras_depth(network, PAPER["in_shape"]) == 126


def test_the_parameters_are_22_million_and_so_many_per_flow():
    def separable(fan_in, filters):
        return 9 * fan_in + fan_in * filters + 2 * filters

    def projection(fan_in, filters):
        return fan_in * filters + 2 * filters

    entry = [(64, 128), (128, 256), (256, 728)]
    by_hand = {
        "stem": 27 * 32 + 64 + 9 * 32 * 64 + 128,
        "entry": sum(projection(a, b) + separable(a, b) + separable(b, b) for a, b in entry),
        "middle": 8 * 3 * separable(728, 728),
        "exit": projection(728, 1024) + separable(728, 728) + separable(728, 1024),
        "top1": separable(1024, 1536),
        "top2": separable(1536, 2048),
        "output": 2048 * 1000 + 1000,
    }
    network = on_paper()
    counted = {
        name: sum(parameter.numel() for parameter in network.get_submodule(name).parameters())
        for name in by_hand
    }
    assert counted == by_hand
    assert sum(counted.values()) == 22_855_952


def test_the_maps_have_the_sizes_of_figure_5():
    network, shapes = on_paper(), {}
    for name in SHAPES:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape)[1:]})
        )
    network(torch.empty(1, 3, 299, 299, device="meta"))
    assert shapes == SHAPES


def test_it_has_the_published_36_convolutions_on_its_path():
    network = on_paper(shortcut="none")
    separable = sum(isinstance(module, SeparableConv) for module in network.modules())
    assert separable == 34
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == 2 + 2 * separable
    assert network_costs(on_paper(), PAPER["in_shape"])["depth"] == 2 + 2 * separable + 1


@pytest.mark.parametrize("shape", [(3, 71, 71), (3, 80, 97)])
def test_it_is_timms_in_evaluation(timm_twins, shape):
    assert_same_logits(*timm_twins, torch.randn(2, *shape))


def test_one_training_step_is_timms(timm_twins):
    assert_same_training_step(*timm_twins, torch.randn(3, 3, 71, 90), torch.tensor([3, 9, 0]))


def test_it_is_another_with_an_activation_less(timm_twins):
    ours, theirs = timm_twins
    activation, ours.middle[4].path.activation2 = ours.middle[4].path.activation2, nn.Identity()
    with pytest.raises(AssertionError, match="not close"):
        assert_same_logits(ours, theirs, torch.randn(2, 3, 71, 71))
    ours.middle[4].path.activation2 = activation


def test_without_shortcuts_only_their_projections_are_missing():
    residual, plain = small(dropout=0.0), small(dropout=0.0, shortcut="none")
    assert sum(isinstance(module, Add) for module in residual.modules()) == 12
    assert not any(isinstance(module, Add) for module in plain.modules())
    missing = residual.state_dict().keys() - plain.state_dict().keys()
    assert {key.rsplit(".", 2)[0] for key in missing} == {f"entry.{k}.shortcut" for k in range(3)} | {
        "exit.shortcut"
    }
    assert plain.state_dict().keys() <= residual.state_dict().keys()
    plain.load_state_dict({key: residual.state_dict()[key] for key in plain.state_dict()})
    x = torch.rand(2, 3, 71, 71)
    assert not torch.allclose(residual(x), plain(x), atol=0.01)


def test_a_block_whose_convolutions_are_silent_passes_its_input_on():
    block = small().middle[0].eval()
    nn.init.zeros_(block.path.conv3.pointwise.norm.weight)
    x = torch.rand(2, block.path.conv1.depthwise.conv.in_channels, 9, 9)
    assert torch.equal(block(x), x)
    block.shortcut = None
    assert not block(x).any()


def test_an_inner_activation_stands_between_the_halves_of_every_separable_convolution():
    network = small(inner_activation="tanh", dropout=0.0)
    assert sum(isinstance(module, nn.Tanh) for module in network.modules()) == 34
    assert network.top1.depthwise.activation is not None
    assert not any(isinstance(module, nn.Tanh) for module in small().modules())
    without, x = small(dropout=0.0), torch.rand(2, 3, 71, 71)
    network.load_state_dict(without.state_dict())
    assert not torch.allclose(network(x), without(x), atol=0.01)


@pytest.mark.parametrize("side", [16, 28, 32])
def test_the_small_stem_keeps_the_size_of_small_images(side):
    network = small(stem="small", in_shape=[1, side, side])
    assert network.stem(torch.rand(2, 1, side, side)).shape[2:] == (side, side)
    assert network(torch.rand(2, 1, side, side)).shape == (2, 7)


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 71), ("small", 16)])
def test_the_least_image_is_the_least(stem, side):
    assert small(stem=stem, in_shape=[3, side, side + 5])(torch.rand(2, 3, side, side + 5)).shape == (2, 7)
    message = (
        f"^xception with stem={stem} requires images of at least {side}x{side}, got 3x{side}x{side - 1}; "
        "use network.stem=small or larger images$"
    )
    with pytest.raises(ValueError, match=message):
        small(stem=stem, in_shape=[3, side, side - 1])


def test_width_multiplies_the_filters():
    network = small(width=0.1)
    assert [layer.conv.out_channels for layer in network.stem] == [3, 6]
    ends = [block.path.conv2.pointwise.conv.out_channels for block in network.entry]
    assert ends == [13, 26, 73]
    assert (network.top1.pointwise.conv.out_channels, network.output.in_features) == (154, 205)
    assert small(width=1e-6)(torch.rand(2, 3, 71, 71)).shape == (2, 7)


def test_dropout_is_in_front_of_the_output():
    network, x = small(), torch.rand(2, 3, 71, 71)
    assert not torch.equal(network(x), network(x))
    network.dropout.p = 0.0
    assert torch.equal(network(x), network(x))


def test_the_activation_is_everywhere_but_between_the_halves():
    network = small(activation="leaky_relu")
    assert not any(isinstance(module, nn.ReLU) for module in network.modules())
    assert sum(isinstance(module, nn.LeakyReLU) for module in network.modules()) == 2 + 5 + 24 + 2 + 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; 0 switches it off$"),
        (
            {"in_shape": [1, 40]},
            r"^xception with stem=imagenet requires images of channels x height x width, got ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
