import pytest
import torch
from torch import nn
from torchvision import models
from twins import assert_same_logits, assert_same_training_step, twins

from podium.layers.naming import Published, from_torchvision, to_torchvision
from podium.layers.plain import hidden_layers
from podium.networks.vgg import VGG
from podium.run.costs import network_costs
from podium.run.summary import summarize

IMAGENET = [3, 224, 224]
VGG16 = {
    "in_shape": IMAGENET,
    "num_classes": 1000,
    "configuration": "D",
    "head": "dense",
    "activation": "relu",
    "norm": "none",
    "use_bias": True,
    "dropout": 0.5,
    "width": 1.0,
}
SMALL = {"width": 0.125, "in_shape": [3, 32, 32], "num_classes": 7}
BATCH_NORM = {"norm": "before"}
# configuration, options: weight layers and millions of parameters in the paper's tables, exact parameters
TABLE = [
    ("A", {}, 11, 133, 132_863_336),
    ("A", {"norm": "local_response"}, 11, 133, 132_863_336),
    ("B", {}, 13, 133, 133_047_848),
    ("C", {}, 16, 134, 133_638_952),
    ("D", {}, 16, 138, 138_357_544),
    ("E", {}, 19, 144, 143_667_240),
]
TORCHVISION = {
    "vgg11": {"configuration": "A"},
    "vgg13": {"configuration": "B"},
    "vgg16": {"configuration": "D"},
    "vgg19": {"configuration": "E"},
    "vgg11_bn": {"configuration": "A", **BATCH_NORM},
    "vgg13_bn": {"configuration": "B", **BATCH_NORM},
    "vgg16_bn": {"configuration": "D", **BATCH_NORM},
    "vgg19_bn": {"configuration": "E", **BATCH_NORM},
}


def small(**changes):
    torch.manual_seed(0)
    return VGG(**VGG16 | SMALL | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return VGG(**VGG16 | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def convolutions(network):
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize(("configuration", "options", "layers", "millions", "exact"), TABLE)
def test_every_configuration_has_the_papers_layers_and_parameters(
    configuration, options, layers, millions, exact
):
    network = on_paper(configuration=configuration, **options)
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules()) == layers
    assert count(network) == exact
    assert round(exact / 1e6) == millions


def test_vgg_16_has_the_parameters_counted_by_hand():
    pairs = [
        (3, 64),
        (64, 64),
        (64, 128),
        (128, 128),
        (128, 256),
        *[(256, 256)] * 2,
        (256, 512),
        *[(512, 512)] * 5,
    ]
    features = sum(9 * fan_in * filters + filters for fan_in, filters in pairs)
    dense = (7 * 7 * 512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
    assert features + dense == count(on_paper()) == 138_357_544
    assert count(on_paper(configuration="E")) == 138_357_544 + 9 * (256**2 + 2 * 512**2) + 256 + 2 * 512
    assert count(on_paper(configuration="C")) == 138_357_544 - 8 * (256**2 + 2 * 512**2)


def test_batch_normalisation_adds_two_parameters_a_filter_and_in_keras_convention_four():
    network = on_paper(**BATCH_NORM)
    filters = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512
    statistics = sum(buffer.numel() for key, buffer in network.named_buffers() if "running" in key)
    assert count(network) == 138_357_544 + 2 * filters == 138_365_992
    assert count(network) + statistics == 138_357_544 + 4 * filters == 138_374_440
    without = on_paper(**BATCH_NORM, use_bias=False)
    assert count(without) == count(network) - filters


def test_the_costs_are_those_of_he_et_al():
    """Billions of multiply-adds in the convolutions, figure 3 of https://arxiv.org/abs/1512.03385: 15.3 and 19.6."""
    dense = 4096 * (25_088 + 4096 + 1000)
    by_name = {name: network_costs(on_paper(configuration=name), IMAGENET) for name in ("D", "E")}
    assert by_name["D"]["multiply_adds"] == 15_346_630_656 + dense
    assert by_name["E"]["multiply_adds"] == 19_508_428_800 + dense
    assert by_name["D"]["size_mib"] == pytest.approx(528, abs=0.5)
    assert by_name["E"]["size_mib"] == pytest.approx(549, abs=1)


def test_the_maps_are_those_of_the_paper():
    rows = {row.name: row.shape for row in summarize(on_paper(configuration="E"), IMAGENET)}
    sides = {1: 112, 2: 56, 3: 28, 4: 14, 5: 7}
    filters = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}
    for k, side in sides.items():
        assert rows[f"features.conv{k}_1"] == (filters[k], 2 * side, 2 * side)
        assert rows[f"features.pool{k}"] == (filters[k], side, side)


def test_c_has_1x1_convolutions_at_the_end_of_its_last_three_blocks():
    kernels = [conv.kernel_size[0] for conv in convolutions(on_paper(configuration="C"))]
    assert kernels == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]
    assert {conv.kernel_size for conv in convolutions(on_paper())} == {(3, 3)}


def test_a_lrn_normalises_responses_behind_the_first_activation_alone():
    network = small(configuration="A", norm="local_response")
    names = [name for name, _ in network.features.named_children()]
    assert names[:4] == ["conv1_1", "conv1_1_activation", "conv1_1_norm", "pool1"]
    assert sum(isinstance(module, nn.LocalResponseNorm) for module in network.modules()) == 1
    x = torch.rand(2, 3, 32, 32)
    plain = small(configuration="A")
    plain.load_state_dict(network.state_dict())
    assert not torch.allclose(network.eval()(x), plain.eval()(x))


@pytest.mark.parametrize(("norm", "second"), [("before", "conv1_1_norm"), ("after", "conv1_1_activation")])
def test_batch_normalisation_has_its_place(norm, second):
    network = small(norm=norm)
    assert [name for name, _ in network.features.named_children()][1] == second
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 13


@pytest.mark.parametrize("name", TORCHVISION)
def test_its_states_are_torchvisions_under_other_names(name):
    ours = on_paper(**TORCHVISION[name])
    with torch.device("meta"):
        theirs = getattr(models, name)()
    assert isinstance(ours, Published)
    assert ours.torchvision_name() == name
    state = to_torchvision(ours, ours.state_dict())
    expected = [(key, tensor.shape) for key, tensor in theirs.state_dict().items()]
    assert [(key, tensor.shape) for key, tensor in state.items()] == expected
    assert list(from_torchvision(ours, state)) == list(ours.state_dict())


def assert_same_as_torchvisions(ours, theirs):
    assert_same_logits(ours, theirs, torch.randn(2, 3, 32, 40))
    assert_same_training_step(ours, theirs, torch.randn(2, 3, 64, 64), torch.tensor([3, 7]))


@pytest.mark.parametrize("name", TORCHVISION)
def test_its_convolutions_are_torchvisions_in_evaluation_and_in_a_training_step(name):
    """With few hidden units, which would have most of the parameters."""

    def ours():
        network = VGG(**VGG16 | TORCHVISION[name])
        network.hidden = hidden_layers(25_088, 32, activation="relu", dropout=0.5, place="after")
        network.output = nn.Linear(32, 10)
        return network

    def theirs():
        network = getattr(models, name)()
        for k, sizes in {0: (25_088, 32), 3: (32, 32), 6: (32, 10)}.items():
            network.classifier[k] = nn.Linear(*sizes)
        return network

    assert_same_as_torchvisions(*twins(ours, theirs))


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_it_is_torchvisions_in_evaluation_and_in_a_training_step(name):
    assert_same_as_torchvisions(*twins(lambda: VGG(**VGG16 | TORCHVISION[name]), getattr(models, name)))


@pytest.mark.parametrize(
    "change",
    [
        {"configuration": "C"},
        {"norm": "after"},
        {"norm": "local_response"},
        {"head": "cam"},
        {"activation": "prelu"},
        {"use_bias": False},
        {"width": 0.5},
    ],
)
def test_torchvision_has_no_other_forms(change):
    assert on_paper(**change).torchvision_name() is None


def test_the_maps_of_the_cam_head_average_to_the_logits():
    network = small(head="cam", in_shape=[3, 64, 48]).eval()
    x, label = torch.randn(3, 3, 64, 48), torch.tensor([6, 0, 6])
    with torch.no_grad():
        network.output.bias.normal_()
        network.output.weight.mul_(100)
        maps = network.class_activation_map(x, label)
        logits = network(x)
    assert maps.shape == (3, 4, 3)
    expected = logits[torch.arange(3), label]
    torch.testing.assert_close(maps.mean((1, 2)) + network.output.bias[label], expected)
    others = logits[torch.arange(3), torch.tensor([5, 1, 5])]
    assert not torch.allclose(maps.mean((1, 2)) + network.output.bias[label], others, atol=1e-3)
    assert maps.std() > 0


def test_the_cam_head_is_a_convolution_average_pooling_and_one_dense_layer():
    network = on_paper(head="cam")
    rows = {row.name: row.shape for row in summarize(network, IMAGENET)}
    assert rows["features.conv5_3"] == (512, 14, 14)
    assert rows["features.conv6_1"] == (1024, 14, 14)
    assert rows["pool"] == (1024, 1, 1)
    assert "features.pool5" not in rows
    features = 14_714_688
    assert count(network) == features + (9 * 512 + 1) * 1024 + (1024 + 1) * 1000 == 20_459_304


def test_the_dense_head_has_no_class_activation_maps():
    message = "^class activation maps require network.head=cam, got dense; use network=vgg16_cam$"
    with pytest.raises(ValueError, match=message):
        small().class_activation_map(torch.rand(1, 3, 32, 32), torch.tensor([0]))


@pytest.mark.parametrize(("head", "units"), [("dense", 4096), ("cam", 1024)])
def test_width_multiplies_filters_and_hidden_units(head, units):
    network = small(width=0.26, head=head)
    filters = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6 + [1024] * (head == "cam")
    assert [conv.out_channels for conv in convolutions(network)] == [round(0.26 * count) for count in filters]
    assert network.output.in_features == round(0.26 * units)


@pytest.mark.parametrize("head", ["dense", "cam"])
def test_dropout_and_activation_are_what_is_asked_for(head):
    network = small(head=head, dropout=0.25, activation="prelu")
    rates = [module.p for module in network.modules() if isinstance(module, nn.Dropout)]
    assert rates == ([0.25, 0.25] if head == "dense" else [0.25])
    assert sum(isinstance(module, nn.PReLU) for module in network.modules()) == (
        15 if head == "dense" else 14
    )


@pytest.mark.parametrize(("head", "side"), [("dense", 32), ("cam", 16)])
def test_the_least_image_is_the_least(head, side):
    for shape in ([1, side, side], [3, side, side + 9]):
        assert small(head=head, in_shape=shape)(torch.rand(2, *shape)).shape == (2, 7)
    message = f"^vgg requires images of at least {side}x{side}, got 3x{side - 1}x{side}; use larger images$"
    with pytest.raises(ValueError, match=message):
        small(head=head, in_shape=[3, side - 1, side])


@pytest.mark.parametrize("head", ["dense", "cam"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
        ({"in_shape": [1, 40]}, r"^vgg requires images of channels x height x width, got samples of 1x40; "),
    ],
)
def test_impossible_values_are_refused(head, changes, message):
    with pytest.raises(ValueError, match=message):
        small(head=head, **changes)
