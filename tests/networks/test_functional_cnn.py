import pytest
import torch

from podium.networks.functional_cnn import FunctionalCNN


def functional_cnn(**changes):
    values = {
        "in_shape": [1, 28, 28],
        "num_classes": 10,
        "filters": 32,
        "width": 64,
        "activation": "relu",
        "skip": True,
    }
    return FunctionalCNN(**values | changes)


def test_the_skip_adds_the_first_pairs_output_to_the_second_pairs():
    with_skip, without = functional_cnn(), functional_cnn(skip=False)
    without.load_state_dict(with_skip.state_dict())
    x = torch.rand(2, 1, 28, 28)
    pooled = with_skip.pool1(with_skip.pair1(x))
    summed = with_skip.output(with_skip.hidden(with_skip.pool2(pooled + with_skip.pair2(pooled))))
    assert torch.equal(with_skip(x), summed)
    assert not torch.allclose(with_skip(x), without(x))


def test_small_images_fit():
    assert functional_cnn(in_shape=[1, 8, 8])(torch.rand(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": 0}, r"^filters must be positive, got \[0\]; set network.filters=32$"),
        ({"width": 0}, r"^width must be positive, got \[0\]; set network.width=64$"),
        ({"in_shape": [1, 3, 3]}, r"^functional_cnn requires images of at least 4x4, got 1x3x3; "),
        (
            {"in_shape": [1, 40]},
            r"^functional_cnn requires images of channels x height x width, got samples of 1x40",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        functional_cnn(**changes)
