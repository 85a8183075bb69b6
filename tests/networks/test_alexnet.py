import pytest
import torch
from torch import nn
from torchvision import models
from twins import assert_same_logits, assert_same_training_step, assert_states_convert_both_ways, twins

from podium.layers.naming import Published
from podium.networks.alexnet import AlexNet
from podium.run.costs import network_costs
from podium.run.summary import summarize

# The catalogue's outputs for 227x227x3, height x width x maps.
OUTPUTS = {
    "features.conv1": (55, 55, 96),
    "features.pool1": (27, 27, 96),
    "features.conv2": (27, 27, 256),
    "features.pool2": (13, 13, 256),
    "features.conv3": (13, 13, 384),
    "features.conv4": (13, 13, 384),
    "features.conv5": (13, 13, 256),
    "features.pool5": (6, 6, 256),
}
# By hand: weights + biases of each layer; the second, fourth and fifth see half the maps.
PARAMETERS = {
    "features.conv1": 11 * 11 * 3 * 96 + 96,
    "features.conv2": 5 * 5 * 48 * 256 + 256,
    "features.conv3": 3 * 3 * 256 * 384 + 384,
    "features.conv4": 3 * 3 * 192 * 384 + 384,
    "features.conv5": 3 * 3 * 192 * 256 + 256,
    "hidden.dense1": 6 * 6 * 256 * 4096 + 4096,
    "hidden.dense2": 4096 * 4096 + 4096,
    "output": 4096 * 1000 + 1000,
}
PAPER = {
    "in_shape": [3, 227, 227],
    "num_classes": 1000,
    "form": "two_tower",
    "groups": 2,
    "activation": "relu",
    "norm": "local_response",
    "dropout": 0.5,
    "width": 1.0,
    "stem": "imagenet",
}
ONE_TOWER = PAPER | {"in_shape": [3, 224, 224], "form": "one_tower", "groups": 1, "norm": "none"}
SMALL = {"width": 0.125, "in_shape": [3, 67, 67], "num_classes": 7}


def alexnet(**changes):
    torch.manual_seed(0)
    return AlexNet(**PAPER | changes)


def small(**changes):
    return alexnet(**SMALL | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return AlexNet(**PAPER | changes)


def names(network):
    return [name for name, _ in network.features.named_children()]


@pytest.fixture(scope="module")
def one_tower_twins():
    return twins(lambda: AlexNet(**ONE_TOWER), models.alexnet)


@pytest.fixture(scope="module")
def rows():
    return {row.name: row for row in summarize(on_paper(), PAPER["in_shape"])}


@pytest.mark.parametrize(("layer", "output"), OUTPUTS.items())
def test_the_outputs_are_those_of_the_catalogue(rows, layer, output):
    height, width, maps = output
    assert rows[layer].shape == (maps, height, width)


@pytest.mark.parametrize(("layer", "expected"), PARAMETERS.items())
def test_every_layer_has_the_parameters_counted_by_hand(rows, layer, expected):
    assert rows[layer].parameters == expected


def test_the_paper_has_about_60_million_parameters(rows):
    total = sum(row.parameters for row in rows.values())
    assert total == sum(PARAMETERS.values()) == 60_965_224


def test_the_costs_of_both_forms_are_those_counted_by_hand():
    maps = {"conv1": 55 * 55, "conv2": 27 * 27, "conv3": 13 * 13, "conv4": 13 * 13, "conv5": 13 * 13}
    biases = {key.rpartition(".")[2]: shape[-1] for key, shape in OUTPUTS.items()}
    by_hand = sum(maps[name] * (PARAMETERS[f"features.{name}"] - biases[name]) for name in maps) + 4096 * (
        9216 + 4096 + 1000
    )
    costs = network_costs(on_paper(), PAPER["in_shape"])
    assert costs["multiply_adds"] == by_hand == 724_406_816
    assert costs["depth"] == 8
    costs = network_costs(on_paper(**ONE_TOWER), ONE_TOWER["in_shape"])
    assert (costs["parameters"], costs["multiply_adds"]) == (61_100_840, 714_188_480)


def test_joined_towers_have_the_parameters_of_whole_convolutions():
    seen_by_both = 5 * 5 * 48 * 256 + 3 * 3 * 192 * (384 + 256)
    assert (
        network_costs(on_paper(groups=1), PAPER["in_shape"])["parameters"]
        == 60_965_224 + seen_by_both
        == 62_378_344
    )


def test_two_towers_are_one_whose_crossing_weights_are_zero():
    towers, joined = small().eval(), small(groups=1).eval()
    state = towers.state_dict()
    for key, like in joined.state_dict().items():
        if state[key].shape != like.shape:
            first, second = state[key].chunk(2)
            zeros = torch.zeros_like(first)
            state[key] = torch.cat([torch.cat([first, zeros], 1), torch.cat([zeros, second], 1)])
    joined.load_state_dict(state)
    x = torch.rand(2, 3, 67, 67)
    with torch.no_grad():
        torch.testing.assert_close(towers(x), joined(x))
        joined.features.conv5.weight += 0.1
        assert not torch.allclose(towers(x), joined(x))


@pytest.mark.parametrize("shape", [(3, 224, 224), (3, 96, 130)])
def test_one_tower_is_torchvisions_in_evaluation(one_tower_twins, shape):
    assert_same_logits(*one_tower_twins, torch.randn(2, *shape))


def test_states_convert_both_ways(one_tower_twins):
    assert_states_convert_both_ways(*one_tower_twins)


def test_one_training_step_is_torchvisions(one_tower_twins):
    assert_same_training_step(*one_tower_twins, torch.randn(2, 3, 127, 95), torch.tensor([3, 997]))


def test_one_training_step_is_another_with_one_dropout_less():
    ours, theirs = twins(lambda: AlexNet(**ONE_TOWER), models.alexnet)
    ours.hidden.dense2_dropout.p = 0.0
    with pytest.raises(AssertionError, match=r"^features\.0\.weight"):
        assert_same_training_step(ours, theirs, torch.randn(2, 3, 63, 63), torch.tensor([3, 997]))


@pytest.mark.parametrize(
    "change",
    [
        {"form": "two_tower"},
        {"groups": 2},
        {"norm": "before"},
        {"activation": "tanh"},
        {"width": 0.5},
        {"stem": "small"},
    ],
)
def test_torchvision_has_one_form_alone(change):
    assert isinstance(on_paper(**ONE_TOWER), Published)
    assert on_paper(**ONE_TOWER).torchvision_name() == "alexnet"
    assert on_paper(**ONE_TOWER | {"dropout": 0.1, "num_classes": 10}).torchvision_name() == "alexnet"
    assert on_paper(**ONE_TOWER | change).torchvision_name() is None


@pytest.mark.parametrize(
    ("norm", "order"),
    [
        ("local_response", ["conv1", "conv1_activation", "conv1_norm", "pool1"]),
        ("local_response_after_pool", ["conv1", "conv1_activation", "pool1", "conv1_norm"]),
        ("before", ["conv1", "conv1_norm", "conv1_activation", "pool1"]),
        ("after", ["conv1", "conv1_activation", "conv1_norm", "pool1"]),
        ("none", ["conv1", "conv1_activation", "pool1", "conv2"]),
    ],
)
def test_normalisation_has_its_place(norm, order):
    network = small(norm=norm)
    assert names(network)[:4] == order
    local = [module for module in network.modules() if isinstance(module, nn.LocalResponseNorm)]
    batch = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(local) == (2 if norm.startswith("local") else 0)
    assert len(batch) == (5 if norm in ("before", "after") else 0)


def test_the_place_of_response_normalisation_changes_the_answer():
    x = 100 * torch.rand(2, 3, 67, 67)
    answers = [small(norm=norm).eval()(x) for norm in ("local_response", "local_response_after_pool", "none")]
    assert not torch.allclose(answers[0], answers[1])
    assert not torch.allclose(answers[1], answers[2])


def test_dropout_is_behind_the_hidden_layers_of_the_paper_and_in_front_of_those_of_one_tower():
    assert [name for name, _ in small().hidden.named_children()][-1] == "dense2_dropout"
    assert next(name for name, _ in small(form="one_tower").hidden.named_children()) == "dense1_dropout"


@pytest.mark.parametrize("side", [7, 28, 32])
def test_the_small_stem_keeps_small_images(side):
    network = small(stem="small", in_shape=[1, side, side])
    assert "pool1" not in names(network)
    assert network.features.conv1(torch.rand(2, 1, side, side)).shape[2:] == (side, side)
    assert network(torch.rand(2, 1, side, side)).shape == (2, 7)


@pytest.mark.parametrize(("form", "side"), [("two_tower", 67), ("one_tower", 63)])
def test_the_least_image_is_the_least(form, side):
    shape = [3, side, side + 9]
    assert small(form=form, in_shape=shape)(torch.rand(2, *shape)).shape == (2, 7)
    message = (
        f"^alexnet requires images of at least {side}x{side}, got 3x{side - 1}x{side}; use network.stem=small"
    )
    with pytest.raises(ValueError, match=message):
        small(form=form, in_shape=[3, side - 1, side])


def test_width_multiplies_filters_and_hidden_units():
    network = small(width=0.26)
    convolutions = [module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert convolutions == [2 * round(half * 0.26) for half in (48, 128, 192, 192, 128)]
    assert network.output.in_features == round(4096 * 0.26)
    assert small(width=1e-6)(torch.rand(2, 3, 67, 67)).shape == (2, 7)


def test_the_activation_is_everywhere():
    assert sum(isinstance(module, nn.PReLU) for module in small(activation="prelu").modules()) == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"groups": 0},
            r"^groups must divide the filters \(96, 256, 384, 384, 256\), got 0; set network.groups=1 or 2$",
        ),
        ({"groups": 5}, r"^groups must divide the filters .+, got 5; "),
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
        (
            {"in_shape": [1, 40]},
            r"^alexnet requires images of channels x height x width, got samples of 1x40; ",
        ),
        (
            {"stem": "small", "in_shape": [3, 6, 9]},
            r"^alexnet requires images of at least 7x7, got 3x6x9; use larger",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
