import pytest
from torch import nn

from podium.layers.activations import make_activation
from podium.layers.shapes import check_positive, image_shape
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


def test_batch_norm_fits_the_layer():
    assert isinstance(batch_norm(nn.Linear(2, 3)), nn.BatchNorm1d)
    norm = batch_norm(nn.Conv2d(2, 5, 3))
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_features == 5


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


def test_samples_that_are_no_images_are_refused():
    with pytest.raises(
        ValueError, match=r"^net requires images of channels x height x width, got samples of 1x40; "
    ):
        image_shape([1, 40], network="net", at_least=1, remedy="-")


def test_images_that_are_too_small_are_refused_and_the_smallest_is_taken():
    with pytest.raises(ValueError, match=r"^net requires images of at least 8x8, got 3x9x7; do this$"):
        image_shape([3, 9, 7], network="net", at_least=8, remedy="do this")
    assert image_shape([3, 9, 8], network="net", at_least=8, remedy="-") == (3, 9, 8)


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match=r"^widths must be positive, got \[4, 0\]; set it$"):
        check_positive("widths", [4, 0], remedy="set it")
    check_positive("widths", [1], remedy="-")
