import pytest
import timm
import torch
from torch import nn
from twins import assert_same_logits, assert_same_training_step, twins

from podium.networks.mobilenet import MobileNet
from podium.run.costs import keras_depth, keras_parameters, network_costs

PAPER = {
    "in_shape": [3, 224, 224],
    "num_classes": 1000,
    "width": 1.0,
    "stem": "imagenet",
    "activation": "relu",
    "norm": "before",
    "use_bias": False,
    "dropout": 0.001,
}
SMALL = {"in_shape": [3, 32, 32], "num_classes": 7, "width": 0.125}
# Table 6: million parameters and multiply-adds.
WIDTHS = {1.0: (4.2, 569), 0.75: (2.6, 325), 0.5: (1.3, 149), 0.25: (0.5, 41)}
# Table 1: filters and size behind each separable convolution.
BLOCKS = [
    (64, 112),
    (128, 56),
    (128, 56),
    (256, 28),
    (256, 28),
    *[(512, 14)] * 6,
    *[(1024, 7)] * 2,
]


class Timms(MobileNet):
    """Our network with timm's names."""

    def torchvision_modules(self):
        paths = {"stem.conv": "conv_stem", "stem.norm": "bn1", "output": "classifier"}
        places = [(stage, k) for stage, number in enumerate([1, 2, 2, 6, 2]) for k in range(number)]
        for block, (stage, k) in enumerate(places):
            for half, conv, norm in (("depthwise", "conv_dw", "bn1"), ("pointwise", "conv_pw", "bn2")):
                paths[f"blocks.{block}.{half}.conv"] = f"blocks.{stage}.{k}.{conv}"
                paths[f"blocks.{block}.{half}.norm"] = f"blocks.{stage}.{k}.{norm}"
        return paths

    def torchvision_name(self):
        return None


def mobilenet(**changes):
    torch.manual_seed(0)
    return MobileNet(**PAPER | changes)


def small(**changes):
    return mobilenet(**SMALL | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return MobileNet(**PAPER | changes)


@pytest.fixture
def timm_twins():
    """timm clips at 6 unless it is asked for the paper's activation, and has no dropout."""
    return twins(
        lambda: Timms(**PAPER | {"dropout": 0.0}),
        lambda: timm.create_model("mobilenetv1_100", act_layer="relu"),
    )


def test_keras_counts_the_published_parameters():
    assert keras_parameters(on_paper()) == 4_253_864


def test_keras_depth_has_four_layers_that_ours_has_not():
    reshape, dropout, softmax, reshape_again = 1, 1, 1, 1
    ours = keras_depth(on_paper(), PAPER["in_shape"])
    assert ours == 1 + 3 + 13 * 6 + 1 + 1
    assert ours + reshape + dropout + softmax + reshape_again == 88


@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_has_the_published_parameters_and_multiply_adds(width):
    costs = network_costs(on_paper(width=width), PAPER["in_shape"])
    parameters, multiply_adds = WIDTHS[width]
    assert round(costs["parameters"] / 1e6, 1) == parameters
    assert int(costs["multiply_adds"] / 1e6 + 0.3) == multiply_adds
    assert costs["depth"] == 28


@pytest.mark.parametrize(("side", "millions"), [(192, 418), (160, 290), (128, 186)])
def test_smaller_images_cost_what_table_7_says(side, millions):
    costs = network_costs(on_paper(), [3, side, side])
    assert costs["multiply_adds"] / 1e6 == pytest.approx(millions, rel=0.005)
    assert costs["parameters"] == 4_231_976


def test_the_maps_have_the_sizes_of_table_1():
    network, shapes = on_paper(), []
    for block in network.blocks:
        block.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape)[1:]))
    network(torch.empty(1, 3, 224, 224, device="meta"))
    assert shapes == [(filters, side, side) for filters, side in BLOCKS]


@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 75, 50)])
def test_it_is_timms_in_evaluation(timm_twins, shape):
    assert_same_logits(*timm_twins, torch.randn(2, *shape))


def test_one_training_step_is_timms(timm_twins):
    assert_same_training_step(*timm_twins, torch.randn(4, 3, 65, 64), torch.tensor([3, 997, 0, 5]))


def test_one_training_step_is_another_with_an_activation_less(timm_twins):
    ours, theirs = timm_twins
    ours.blocks[12].pointwise.activation = nn.Identity()
    with pytest.raises(AssertionError, match="weight"):
        assert_same_training_step(ours, theirs, torch.randn(4, 3, 65, 64), torch.tensor([3, 997, 0, 5]))


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 1), ("small", 2)])
def test_the_small_stem_keeps_the_size_of_the_image(stem, side):
    network = small(stem=stem)
    assert network.blocks(network.stem(torch.rand(2, 3, 32, 32))).shape == (2, 128, side, side)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 28, 28), (3, 17, 9)])
def test_other_images_fit(shape):
    assert small(in_shape=shape)(torch.rand(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize(("norm", "number"), [("before", 27), ("after", 27), ("none", 0)])
def test_normalisation_has_its_place(norm, number):
    network = small(norm=norm)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == number
    order = {"before": ["conv", "norm", "activation"], "after": ["conv", "activation", "norm"]}
    parts = order.get(norm, ["conv", "activation"])
    for unit in (network.stem, network.blocks[5].depthwise, network.blocks[5].pointwise):
        assert [name for name, _ in unit.named_children()] == parts


def test_biases_are_of_every_convolution():
    convolutions = [module for module in small(use_bias=True).modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 27
    assert all(conv.bias is not None for conv in convolutions)
    assert all(module.bias is None for module in small().modules() if isinstance(module, nn.Conv2d))


def test_width_multiplies_the_filters():
    network = small(width=0.3)
    convolutions = [block.pointwise.conv.out_channels for block in network.blocks]
    assert convolutions == [round(0.3 * filters) for filters, _ in BLOCKS]
    assert network.stem.conv.out_channels == round(0.3 * 32)
    assert small(width=1e-6)(torch.rand(2, 3, 32, 32)).shape == (2, 7)


def test_dropout_is_in_front_of_the_output():
    network, x = small(dropout=0.5), torch.rand(2, 3, 32, 32)
    assert not torch.equal(network(x), network(x))
    network.dropout.p = 0.0
    assert torch.equal(network(x), network(x))


def test_the_activation_is_everywhere():
    network = small(activation="leaky_relu")
    assert not any(isinstance(module, nn.ReLU) for module in network.modules())
    assert sum(isinstance(module, nn.LeakyReLU) for module in network.modules()) == 27


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": -1.0}, r"^width must be positive and finite, got -1.0; "),
        ({"width": float("nan")}, r"^width must be positive and finite, got nan; "),
        ({"dropout": -0.1}, r"^dropout must be in \[0, 1\), got -0.1; 0 switches it off$"),
        (
            {"in_shape": [1, 40]},
            r"^mobilenet requires images of channels x height x width, got samples of 1x40; use ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
