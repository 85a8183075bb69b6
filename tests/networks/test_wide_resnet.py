import pytest
import torch
from torch import nn
from torch.nn import functional as F

from podium.networks.wide_resnet import WideResNet

# Tables 4 and 6 of the paper: depth and k, millions there; the exact number for 32x32x3 images and 10 classes.
PARAMETERS = {
    (40, 1): (0.6, 563_930),
    (40, 2): (2.2, 2_243_546),
    (40, 4): (8.9, 8_949_210),
    (40, 8): (35.7, 35_748_314),
    (28, 10): (36.5, 36_479_194),
    (28, 12): (52.5, 52_517_850),
    (22, 8): (17.2, 17_158_106),
    (22, 10): (26.8, 26_797_914),
    (16, 4): (2.7, 2_748_890),
    (16, 8): (11.0, 10_961_370),
    (16, 10): (17.1, 17_116_634),
}


def wide(depth=16, widen=1, **changes):
    values = {
        "in_shape": [3, 32, 32],
        "num_classes": 10,
        "depth": depth,
        "widen": widen,
        "width": 1.0,
        "activation": "relu",
        "norm": "before",
        "dropout": 0.0,
        "dropout_place": "block",
    }
    return WideResNet(**values | changes)


def on_paper(*args, **changes):
    with torch.device("meta"):
        return wide(*args, **changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def dropouts(network):
    return [name for name, module in network.named_modules() if isinstance(module, nn.Dropout)]


@pytest.mark.parametrize("form", PARAMETERS)
def test_every_form_has_the_published_number_of_parameters(form):
    millions, exact = PARAMETERS[form]
    assert count(on_paper(*form)) == exact
    assert round(exact / 1e6, 1) == millions


def test_16_4_has_the_number_of_parameters_counted_by_hand():
    convs = 9 * (3 * 16 + 16 * 64 + 3 * 64**2 + 64 * 128 + 3 * 128**2 + 128 * 256 + 3 * 256**2)
    projections = 16 * 64 + 64 * 128 + 128 * 256
    norms = 2 * (16 + 3 * 64 + 64 + 3 * 128 + 128 + 3 * 256 + 256)
    assert count(on_paper(16, 4)) == convs + projections + norms + 256 * 10 + 10 == 2_748_890


def test_one_form_alone_has_the_179_parameters_an_image_of_the_study_of_random_labels():
    ratios = {form: round(count(on_paper(*form)) / 50_000) for form in PARAMETERS}
    assert [form for form, ratio in ratios.items() if ratio == 179] == [(40, 4)]


@pytest.mark.parametrize("depth", [16, 28])
def test_depth_is_that_of_the_convolutions(depth):
    assert sum(isinstance(module, nn.Conv2d) for module in on_paper(depth, 4).modules()) == depth


def test_the_stages_have_the_maps_of_the_paper():
    network = on_paper(16, 10)
    x, made = network.conv(torch.empty(1, 3, 32, 32, device="meta")), []
    for stage in (network.stage1, network.stage2, network.stage3):
        x = stage(x)
        made.append(tuple(x.shape[1:]))
    assert made == [(160, 32, 32), (320, 16, 16), (640, 8, 8)]


def test_a_block_whose_last_convolution_is_silent_passes_its_input_on_unchanged():
    block = wide().stage1[1]
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(block(x), x)


def test_where_the_size_changes_the_activated_input_is_projected():
    block = wide().stage2[0].eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 16, 8, 8)
    expected = F.conv2d(F.relu(block.before1.norm(x)), block.projection.weight, stride=2)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(
    ("norm", "expected"),
    [("before", ["norm", "activation"]), ("after", ["activation", "norm"]), ("none", ["activation"])],
)
def test_normalisation_runs_where_it_is_asked_for(norm, expected):
    network = wide(norm=norm, width=0.5)
    assert list(network.stage1[0].before1._modules) == expected
    assert list(network.last._modules) == expected
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_dropout_stands_between_the_convolutions_of_every_block_or_in_front_of_the_output():
    blocks = [f"stage{k}.{block}.before2.dropout" for k in (1, 2, 3) for block in (0, 1)]
    assert dropouts(wide(dropout=0.3)) == blocks
    assert dropouts(wide(dropout=0.3, dropout_place="output")) == ["dropout"]
    assert dropouts(wide()) == []


@pytest.mark.parametrize("place", ["block", "output"])
def test_dropout_acts_in_training_alone(place):
    network = wide(width=0.5, dropout=0.5, dropout_place=place, norm="none")
    x = torch.rand(2, 3, 16, 16)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_width_multiplies_the_first_convolution_too():
    network = on_paper(16, 10, width=0.25)
    assert [network.conv.out_channels, network.output.in_features] == [4, 160]


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 28, 28), (3, 17, 9)])
def test_other_images_fit(shape):
    assert wide(in_shape=shape)(torch.rand(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 20}, r"^depth must be 6n \+ 4, got 20; set network.depth to 16, 22, 28 or 40$"),
        ({"depth": 4}, r"^depth must be 6n \+ 4, got 4; "),
        ({"widen": 0}, r"^widen must be positive, got \[0\]; set network.widen=10$"),
        ({"width": -1.0}, r"^width must be positive and finite, got -"),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; 0 switches it off$"),
        (
            {"in_shape": [40]},
            r"^wide_resnet requires images of channels x height x width, got samples of 40; use ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        wide(**changes)
