import pytest
import torch
from torch import nn

from podium.layers.activations import make_activation
from podium.layers.stages import batch_norm, stage


@pytest.mark.parametrize(
    ("norm", "names"),
    [
        ("none", ["a", "a_activation"]),
        ("before", ["a", "a_norm", "a_activation"]),
        ("after", ["a", "a_activation", "a_norm"]),
    ],
)
def test_the_normalisation_stands_where_it_is_asked_for(norm, names):
    assert [name for name, _ in stage("a", nn.Linear(2, 3), activation="relu", norm=norm)] == names


@pytest.mark.parametrize(
    ("layer", "kind", "shape"),
    [
        (nn.Linear(2, 5), nn.BatchNorm1d, (4, 2)),
        (nn.Conv1d(2, 5, 3), nn.BatchNorm1d, (4, 2, 6)),
        (nn.Conv2d(2, 5, 3), nn.BatchNorm2d, (4, 2, 6, 6)),
        (nn.Conv3d(2, 5, 3), nn.BatchNorm3d, (4, 2, 6, 6, 6)),
    ],
)
def test_batch_norm_fits_the_layer(layer, kind, shape):
    norm = batch_norm(layer)
    assert isinstance(norm, kind)
    assert norm.num_features == 5
    assert norm(layer(torch.rand(shape))).shape[:2] == (4, 5)


def test_each_call_makes_a_new_activation():
    assert make_activation("relu") is not make_activation("relu")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("relu", nn.ReLU),
        ("leaky_relu", nn.LeakyReLU),
        ("prelu", nn.PReLU),
        ("sigmoid", nn.Sigmoid),
        ("tanh", nn.Tanh),
    ],
)
def test_names_make_the_activation_they_say(name, kind):
    assert type(make_activation(name)) is kind
