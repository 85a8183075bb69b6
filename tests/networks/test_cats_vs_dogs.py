import pytest
import torch
from torch import nn

from podium.networks.cats_vs_dogs import CatsVsDogs
from podium.run.summary import summarize

PHOTOS = [3, 150, 150]


def cats_vs_dogs(**changes):
    values = {
        "in_shape": PHOTOS,
        "num_classes": 2,
        "activation": "relu",
        "norm": "none",
        "use_bias": True,
        "dropout": 0.5,
        "width": 1.0,
    }
    torch.manual_seed(0)
    return CatsVsDogs(**values | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_it_has_the_number_of_parameters_counted_by_hand():
    conv = (9 * 3 + 1) * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 128 + (9 * 128 + 1) * 128
    dense = (9 * 9 * 128 + 1) * 512 + (512 + 1) * 256
    with torch.device("meta"):
        assert count(cats_vs_dogs()) == conv + dense + 256 + 1 == 5_681_345


def test_its_layers_have_the_shapes_of_the_lecture():
    with torch.device("meta"):
        rows = {row.name: row.shape for row in summarize(cats_vs_dogs(), PHOTOS)}
    for k, (filters, side) in enumerate([(32, 150), (64, 75), (128, 37), (128, 18)], start=1):
        assert rows[f"features.conv{k}"] == (filters, side, side)
        assert rows[f"features.pool{k}"] == (filters, side // 2, side // 2)
    assert rows["hidden.flatten"] == rows["hidden.dropout"] == (10_368,)
    assert (rows["hidden.dense1"], rows["hidden.dense2"], rows["output"]) == ((512,), (256,), (1,))


@pytest.mark.parametrize("shape", [PHOTOS, [1, 16, 16], [3, 17, 40]])
def test_it_gives_one_logit_a_sample(shape):
    assert cats_vs_dogs(in_shape=shape, width=0.125)(torch.rand(2, *shape)).shape == (2, 1)


def test_dropout_stands_in_front_of_the_dense_layers_alone():
    network = cats_vs_dogs(dropout=0.25, width=0.125)
    dropouts = {name: module.p for name, module in network.named_modules() if isinstance(module, nn.Dropout)}
    assert dropouts == {"hidden.dropout": 0.25}
    assert [name for name, _ in network.hidden.named_children()][:3] == ["flatten", "dropout", "dense1"]


@pytest.mark.parametrize(("norm", "second"), [("before", "conv1_norm"), ("after", "conv1_activation")])
def test_batch_normalisation_has_its_place_in_the_convolutions(norm, second):
    network = cats_vs_dogs(norm=norm, use_bias=False, width=0.125)
    assert [name for name, _ in network.features.named_children()][1] == second
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 4
    assert network.features.conv1.bias is None


def test_width_multiplies_filters_and_hidden_units():
    network = cats_vs_dogs(width=0.26, activation="tanh")
    filters = [module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert filters == [8, 17, 33, 33]
    assert (network.hidden.dense1.out_features, network.output.in_features) == (133, 67)
    assert sum(isinstance(module, nn.Tanh) for module in network.modules()) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"num_classes": 10},
            "^cats_vs_dogs requires 2 classes, which one logit tells apart, got 10; "
            "use network=lecture_cnn or a data set of two classes$",
        ),
        (
            {"in_shape": [3, 15, 40]},
            "^cats_vs_dogs requires images of at least 16x16, got 3x15x40; use larger images$",
        ),
        (
            {"in_shape": [1, 40]},
            "^cats_vs_dogs requires images of channels x height x width, got samples of 1x40; ",
        ),
        ({"width": -1.0}, "^width must be positive and finite, got -1.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        cats_vs_dogs(**changes)
