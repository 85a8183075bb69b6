import pytest
import torch
from torch import nn
from torchvision import models
from twins import assert_same_logits, assert_same_training_step, assert_states_convert_both_ways, twins

from podium.layers.naming import Published, to_torchvision
from podium.networks.densenet import DenseNet
from podium.run.costs import keras_parameters, network_costs

PAPER = {
    "in_shape": [3, 224, 224],
    "num_classes": 1000,
    "blocks": [6, 12, 24, 16],
    "growth": 32,
    "form": "BC",
    "stem": "imagenet",
    "width": 1.0,
    "activation": "relu",
    "dropout": 0.0,
}
CIFAR = PAPER | {"in_shape": [3, 32, 32], "num_classes": 10, "growth": 12, "stem": "small"}
SMALL = {"in_shape": [3, 64, 64], "num_classes": 7, "growth": 4, "blocks": [2, 3, 2, 2]}
# Layers: blocks, growth, parameters in the Keras convention and trained ones.
PUBLISHED = {
    121: ([6, 12, 24, 16], 32, 8_062_504, 7_978_856),
    161: ([6, 12, 36, 24], 48, None, 28_681_000),
    169: ([6, 12, 32, 32], 32, 14_307_880, 14_149_480),
    201: ([6, 12, 48, 32], 32, 20_242_984, 20_013_928),
}


def densenet(**changes):
    torch.manual_seed(0)
    return DenseNet(**PAPER | changes)


def small(**changes):
    return densenet(**SMALL | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return DenseNet(**PAPER | changes)


def published(layers):
    blocks, growth, _, _ = PUBLISHED[layers]
    return on_paper(blocks=blocks, growth=growth)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def weight_layers(network):
    """All of them follow one another on the longest path."""
    return sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules())


def dropouts(network):
    return [name for name, module in network.named_modules() if isinstance(module, nn.Dropout)]


def their_small():
    return models.DenseNet(growth_rate=4, block_config=(2, 3, 2, 2), num_init_features=8, num_classes=7)


@pytest.fixture(scope="module")
def small_twins():
    return twins(small, their_small)


@pytest.mark.parametrize("layers", PUBLISHED)
def test_every_depth_has_the_published_parameters_and_weight_layers(layers):
    network = published(layers)
    _, _, keras, trained = PUBLISHED[layers]
    if keras is not None:
        assert keras_parameters(network) == keras
    assert (parameters(network), weight_layers(network)) == (trained, layers)


@pytest.mark.parametrize("layers", PUBLISHED)
def test_every_depth_has_torchvisions_names_and_shapes(layers):
    network = published(layers)
    assert isinstance(network, Published)
    assert network.torchvision_name() == f"densenet{layers}"
    with torch.device("meta"):
        theirs = models.get_model(f"densenet{layers}").state_dict()
    state = to_torchvision(network, network.state_dict())
    assert [(key, tensor.shape) for key, tensor in state.items()] == [
        (key, tensor.shape) for key, tensor in theirs.items()
    ]


def test_multiply_adds_of_121_layers_are_those_published_with_torchvisions_weights():
    published = models.DenseNet121_Weights.IMAGENET1K_V1.meta["_ops"]
    costs = network_costs(on_paper(), PAPER["in_shape"])
    assert round(costs["multiply_adds"] / 1e9, 3) == published == 2.834
    assert costs["depth"] == weight_layers(on_paper()) == 121


@pytest.mark.parametrize(
    ("blocks", "form", "layers", "millions"), [([12] * 3, "plain", 40, 1.0), ([16] * 3, "BC", 100, 0.8)]
)
def test_the_networks_for_cifar_have_the_published_parameters(blocks, form, layers, millions):
    network = on_paper(**CIFAR | {"blocks": blocks, "form": form})
    assert (round(parameters(network) / 1e6, 1), weight_layers(network)) == (millions, layers)


def test_the_plain_network_for_cifar_has_the_parameters_counted_by_hand():
    maps, total = 16, 3 * 9 * 16
    for block in range(3):
        for _ in range(12):
            total += 2 * maps + maps * 9 * 12
            maps += 12
        if block < 2:
            total += 2 * maps + maps * maps
    total += 2 * maps + maps * 10 + 10
    network = on_paper(**CIFAR | {"blocks": [12] * 3, "form": "plain"})
    assert parameters(network) == total == 1_019_722


def test_the_maps_have_the_sizes_of_table_1():
    network = on_paper()
    shapes = {}
    for name, module in network.named_modules():
        module.register_forward_hook(
            lambda _m, _i, out, name=name: shapes.update({name: tuple(out.shape)[1:]})
        )
    network(torch.empty(1, 3, 224, 224, device="meta"))
    assert shapes["stem.conv"] == (64, 112, 112)
    assert shapes["stem"] == (64, 56, 56)
    assert [shapes[f"blocks.block{k}"] for k in range(1, 5)] == [
        (256, 56, 56),
        (512, 28, 28),
        (1024, 14, 14),
        (1024, 7, 7),
    ]
    assert [shapes[f"blocks.transition{k}"] for k in range(1, 4)] == [
        (128, 28, 28),
        (256, 14, 14),
        (512, 7, 7),
    ]
    assert shapes["blocks.block1.layer1.reduce"] == (128, 56, 56)
    assert shapes["blocks.block1.layer1.grow"] == (32, 56, 56)


@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 45, 70)])
def test_it_is_torchvisions_in_evaluation(small_twins, shape):
    assert_same_logits(*small_twins, torch.randn(2, *shape))


def test_121_layers_are_torchvisions_in_evaluation():
    assert_same_logits(*twins(densenet, models.densenet121), torch.randn(2, 3, 64, 64))


def test_states_convert_both_ways(small_twins):
    assert_states_convert_both_ways(*small_twins)


def test_one_training_step_is_torchvisions():
    assert_same_training_step(
        *twins(small, their_small), torch.randn(4, 3, 70, 64), torch.tensor([3, 0, 6, 1])
    )


def test_one_training_step_is_another_with_an_activation_less():
    ours, theirs = twins(small, their_small)
    ours.blocks.block2.layer3.grow.activation = nn.Identity()
    with pytest.raises(AssertionError, match=r"features\."):
        assert_same_training_step(ours, theirs, torch.randn(4, 3, 70, 64), torch.tensor([3, 0, 6, 1]))


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": [6, 12, 24]},
        {"growth": 16},
        {"form": "B"},
        {"stem": "small"},
        {"width": 0.5},
        {"activation": "prelu"},
    ],
)
def test_torchvision_has_the_published_forms_alone(change):
    assert on_paper(**change).torchvision_name() is None
    assert on_paper(dropout=0.2, num_classes=10).torchvision_name() == "densenet121"


def test_every_layer_hands_on_what_it_was_given_and_adds_its_growth():
    layer = small().eval().blocks.block2[1]
    x = torch.rand(2, layer.reduce.norm.num_features, 8, 8)
    assert torch.equal(layer(x)[:, :-4], x)
    assert torch.equal(layer(x)[:, -4:], layer.grow(layer.reduce(x)))


@pytest.mark.parametrize(
    ("form", "bottleneck", "after_transition"),
    [("plain", False, 16), ("B", True, 16), ("C", False, 8), ("BC", True, 8)],
)
def test_the_forms_are_bottlenecks_and_compression(form, bottleneck, after_transition):
    network = small(form=form)
    reduce = network.blocks.block1.layer1.reduce
    assert isinstance(reduce, nn.Identity) != bottleneck
    assert not bottleneck or reduce.conv.out_channels == 4 * 4
    assert network.blocks.transition1.conv.out_channels == after_transition


def test_dropout_is_behind_every_convolution_but_the_first():
    network = small(dropout=0.2)
    convolutions = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    assert dropouts(network) == [name.replace(".conv", ".dropout") for name in convolutions[1:]]
    assert dropouts(small()) == []


def test_dropout_has_its_effect_in_training_alone():
    network, x = small(dropout=0.5), torch.rand(2, 3, 64, 64)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_width_multiplies_the_growth_and_the_first_filters():
    network = small(width=1.5)
    assert network.stem.conv.out_channels == 12
    assert network.blocks.block1.layer1.grow.conv.out_channels == 6
    assert small(width=0.01)(torch.rand(2, 3, 64, 64)).shape == (2, 7)
    assert small(**CIFAR | {"form": "plain", "width": 0.5}).stem.conv.out_channels == 8


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 29), ("small", 8)])
def test_the_least_image_is_the_least(stem, side):
    shape = [1, side + 3, side]
    assert small(stem=stem, in_shape=shape)(torch.rand(2, *shape)).shape == (2, 7)
    message = (
        f"^densenet of 4 blocks with stem={stem} requires images of at least {side}x{side}, "
        rf"got 1x{side}x{side - 1}; use network\.stem=small, fewer network\.blocks or larger images$"
    )
    with pytest.raises(ValueError, match=message):
        small(stem=stem, in_shape=[1, side, side - 1])
    with pytest.raises(RuntimeError, match="too small"):
        small(stem=stem, in_shape=shape)(torch.rand(2, 1, side, side - 1))


def test_the_activation_is_everywhere():
    network = small(activation="tanh")
    assert not any(isinstance(module, nn.ReLU) for module in network.modules())
    assert sum(isinstance(module, nn.Tanh) for module in network.modules()) == 1 + 2 * 9 + 3 + 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": [6, 0]}, r"^blocks must be positive, got \[6, 0\]; set network.blocks=\[6,12,24,16\]$"),
        ({"blocks": []}, r"^blocks must be positive, got \[0\]; "),
        ({"growth": 0}, r"^growth must be positive, got \[0\]; set network.growth=32$"),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; 0 switches it off$"),
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; network.width=1.0 is the paper's$"),
        ({"in_shape": [1, 40]}, r"requires images of channels x height x width, got samples of 1x40; use "),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
