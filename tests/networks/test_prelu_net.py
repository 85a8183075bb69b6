import pytest
import torch
from torch import nn

from podium.layers.initializers import VarianceScaling
from podium.networks.prelu_net import PReLUNet, SpatialPyramid
from podium.run.costs import network_costs

IMAGENET = [3, 224, 224]
# Convolutions of a stage, filters of the stages; layers and operations in 10^10 of the paper's table.
MODELS = {
    "A": (5, [256, 512, 512], 19, 1.90),
    "B": (6, [256, 512, 512], 22, 2.32),
    "C": (6, [384, 768, 896], 22, 5.30),
}
EXACT = {
    "A": (178_032_072, 19_058_106_368),
    "B": (183_343_048, 23_219_904_512),
    "C": (330_623_944, 53_463_130_112),
}


def prelu_net(model="A", **changes):
    repeats, filters, _, _ = MODELS[model]
    values = {
        "in_shape": IMAGENET,
        "num_classes": 1000,
        "repeats": repeats,
        "filters": filters,
        "width": 1.0,
        "activation": "channel_prelu",
        "dropout": 0.5,
        "stem": "imagenet",
    }
    return PReLUNet(**values | changes)


def on_paper(model, **changes):
    with torch.device("meta"):
        return prelu_net(model, **changes)


def small(**changes):
    return prelu_net(**{"width": 0.02, "num_classes": 7, "in_shape": [3, 32, 32]} | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("model", MODELS)
def test_layers_and_operations_are_those_of_the_table(model):
    _, _, depth, operations = MODELS[model]
    costs = network_costs(on_paper(model), IMAGENET)
    assert costs["depth"] == depth
    assert costs["multiply_adds"] / 1e10 == pytest.approx(operations, rel=0.01)
    assert (costs["parameters"], costs["multiply_adds"]) == EXACT[model]


def test_model_a_has_the_number_of_parameters_counted_by_hand():
    convs = 7 * 7 * 3 * 96 + 9 * (96 * 256 + 4 * 256**2 + 256 * 512 + 9 * 512**2)
    dense = 63 * 512 * 4096 + 4096**2 + 4096 * 1000
    units = 96 + 5 * 256 + 10 * 512 + 2 * 4096
    assert count(on_paper("A")) == convs + dense + units + 1000 + units == EXACT["A"][0]


def test_every_channel_and_every_dense_unit_learns_a_slope_that_begins_at_a_quarter():
    network = small()
    slopes = [module for module in network.modules() if isinstance(module, nn.PReLU)]
    weights = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert [slope.num_parameters for slope in slopes] == [layer.weight.shape[0] for layer in weights[:-1]]
    assert all((slope.weight == 0.25).all() for slope in slopes)


def test_slopes_of_layers_and_plain_rectifiers_are_options():
    shared = [module for module in small(activation="prelu").modules() if isinstance(module, nn.PReLU)]
    assert {slope.num_parameters for slope in shared} == {1}
    assert sum(isinstance(module, nn.ReLU) for module in small(activation="relu").modules()) == 18


def test_the_maps_are_those_of_the_paper():
    network = on_paper("A")
    x = network.stem(torch.empty(1, *IMAGENET, device="meta"))
    x = network.stage1(x)
    assert x.shape == (1, 256, 56, 56)
    x = network.stage2(network.pool1(x))
    assert x.shape == (1, 512, 28, 28)
    x = network.stage3(network.pool2(x))
    assert x.shape == (1, 512, 14, 14)
    assert network.pyramid(x).shape == (1, 63 * 512)


def test_the_pyramid_has_the_maxima_of_its_bins_for_any_size():
    pyramid = SpatialPyramid(bins=[2, 1])
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert pyramid(x).tolist() == [[5, 7, 13, 15, 15]]
    for side in (1, 3, 9):
        assert pyramid(torch.rand(2, 3, side, side)).shape == (2, 15)


def test_dropout_follows_both_dense_layers():
    names = [name for name, module in small().named_modules() if isinstance(module, nn.Dropout)]
    assert names == ["dense1.dropout", "dense2.dropout"]
    assert not any(isinstance(module, nn.Dropout) for module in small(dropout=0.0).modules())


@pytest.mark.parametrize(
    ("shape", "stem"),
    [((1, 16, 16), "imagenet"), ((3, 33, 47), "imagenet"), ((1, 4, 4), "small"), ((1, 28, 28), "small")],
)
def test_other_images_fit(shape, stem):
    assert small(in_shape=shape, stem=stem)(torch.rand(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"filters": [256, 512]},
            r"^filters must be of three stages, got \[256, 512\]; set network.filters=",
        ),
        ({"filters": [256, 0, 512]}, r"^filters must be positive, got \[256, 0, 512\]; "),
        ({"repeats": 0}, r"^repeats must be positive, got \[0\]; set network.repeats=5$"),
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": -0.1}, r"^dropout must be in \[0, 1\), got -0.1; 0 switches it off$"),
        (
            {"in_shape": [3, 15, 15]},
            r"^prelu_net requires images of at least 16x16, got .+; use network.stem=small$",
        ),
        (
            {"in_shape": [3, 3, 3], "stem": "small"},
            r"^prelu_net requires images of at least 4x4, got .+; use larger",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_the_signal_survives_22_layers_with_the_initialisation_of_the_paper_alone():
    torch.manual_seed(0)
    network = prelu_net("B", width=0.125, num_classes=7, in_shape=[3, 32, 32]).eval()
    x = torch.randn(8, 3, 32, 32)
    with torch.no_grad():
        spread = network(x).std(dim=0).mean()
        VarianceScaling(fan="in", distribution="truncated_normal", gain="activation", exceptions={}).apply(
            network
        )
        assert network(x).std(dim=0).mean() > 1000 * spread
