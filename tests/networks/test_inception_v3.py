import pytest
import torch
from inception_twins import assert_same_auxiliary_step
from inceptions import SMALL, count, options
from torch import nn
from torchvision.models import inception_v3 as torchvisions
from twins import assert_same_logits, assert_states_convert_both_ways, twins

from podium.contracts import Auxiliary
from podium.layers.naming import Published, from_torchvision
from podium.networks.inception_v3 import InceptionV3
from podium.run.costs import network_costs
from podium.run.depth import layer_depth
from podium.run.summary import summarize

IMAGENET = {"in_shape": [3, 299, 299], "num_classes": 1000}
TORCHVISION = options("inception_v3") | IMAGENET
KERAS = options("inception_v3", "inception_v3_keras") | IMAGENET

OUTPUTS = {
    "conv1a": (32, 149, 149),
    "conv2a": (32, 147, 147),
    "conv2b": (64, 147, 147),
    "pool1": (64, 73, 73),
    "conv3b": (80, 73, 73),
    "conv4a": (192, 71, 71),
    "pool2": (192, 35, 35),
    "mixed5b": (256, 35, 35),
    "mixed5c": (288, 35, 35),
    "mixed5d": (288, 35, 35),
    "mixed6a": (768, 17, 17),
    "mixed6b": (768, 17, 17),
    "mixed6c": (768, 17, 17),
    "mixed6d": (768, 17, 17),
    "mixed6e": (768, 17, 17),
    "mixed7a": (1280, 8, 8),
    "mixed7b": (2048, 8, 8),
    "mixed7c": (2048, 8, 8),
    "pool": (2048, 1, 1),
    "output": (1000,),
}


def inception_v3(**changes):
    torch.manual_seed(0)
    return InceptionV3(**TORCHVISION | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return inception_v3(**changes)


def small(**changes):
    return inception_v3(**SMALL | changes)


@pytest.fixture(scope="module")
def keras():
    return on_paper(**KERAS)


def make_twins():
    return twins(lambda: InceptionV3(**TORCHVISION), lambda: torchvisions(init_weights=False))


@pytest.fixture(scope="module")
def pair():
    return make_twins()


@pytest.fixture(scope="module")
def rows(keras):
    return summarize(keras, IMAGENET["in_shape"])


@pytest.mark.parametrize("line", OUTPUTS)
def test_every_line_has_the_output_of_the_paper(rows, line):
    assert [row for row in rows if line in row.name.split(".")[:2]][-1].shape == OUTPUTS[line]


def test_the_keras_form_has_the_figures_of_the_catalogue(keras):
    running = [
        module.running_mean.numel() for module in keras.modules() if isinstance(module, nn.BatchNorm2d)
    ]
    assert count(keras) == 23_817_352
    assert count(keras) + 2 * sum(running) == 23_851_784
    with torch.device("meta"):
        assert layer_depth(keras.eval(), torch.zeros(1, 3, 299, 299)) == 159


def test_the_form_of_torchvision_has_its_figures():
    network = on_paper()
    assert count(network) == 27_161_264  # in the facts of torchvision's weights
    auxiliary = (768 * 128 + 2 * 128) + (128 * 768 * 25 + 2 * 768) + (768 * 1000 + 1000)
    assert count(network.auxiliary1) == auxiliary == 3_326_696
    costs = network_costs(on_paper(auxiliary=False), IMAGENET["in_shape"])
    assert (costs["parameters"], costs["multiply_adds"]) == (23_834_568, 5_713_216_096)


def test_batch_normalisations_of_keras_have_no_factors(keras):
    norms = [module for module in keras.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 94
    assert {tuple(name for name, _ in norm.named_parameters()) for norm in norms} == {("bias",)}


@pytest.mark.parametrize("counted", [True, False])
def test_averages_count_the_border_or_not(counted):
    pool = small(count_padding=counted).lower.mixed5b.towers[-1][0]
    corner = pool(torch.ones(1, 1, 4, 4))[0, 0, 0, 0].item()
    assert corner == pytest.approx(4 / 9 if counted else 1)


@pytest.mark.parametrize("shape", [(299, 299), (75, 107)])
def test_it_is_torchvisions_in_evaluation(pair, shape):
    assert_same_logits(*pair, torch.randn(2, 3, *shape))


def test_without_the_counted_border_it_is_not(pair):
    ours, theirs = pair
    other = inception_v3(count_padding=False)
    other.load_state_dict(ours.state_dict())
    with pytest.raises(AssertionError, match="not close"):
        assert_same_logits(other, theirs, torch.randn(2, 3, 80, 80))


def test_transformed_inputs_are_torchvisions(pair):
    _, theirs = pair
    ours = inception_v3(transform_input=True)
    ours.load_state_dict(from_torchvision(ours, theirs.state_dict()))
    theirs.transform_input = True
    assert_same_logits(ours, theirs, torch.randn(2, 3, 80, 80))
    theirs.transform_input = False


def test_states_convert_both_ways(pair):
    assert_states_convert_both_ways(*pair)


def test_one_training_step_is_torchvisions():
    images = torch.randn(2, 3, 299, 299)  # torchvision's auxiliary classifier needs maps of 17x17
    assert_same_auxiliary_step(*make_twins(), images, torch.tensor([3, 997]), weight=0.4)


def test_torchvision_has_one_form_alone(monkeypatch):
    monkeypatch.setattr(nn.Conv2d, "reset_parameters", lambda _: None)  # most of the time goes there
    network = on_paper(dropout=0.1, num_classes=10, transform_input=True, auxiliary=False)
    assert isinstance(network, Published)
    assert network.torchvision_name() == "inception_v3"
    changes = [
        {"norm": "after"},
        {"norm_scale": False},
        {"use_bias": True},
        {"count_padding": False},
        {"activation": "tanh"},
        {"width": 0.5},
        {"stem": "small"},
        {"in_shape": [1, 299, 299]},
    ]
    assert [on_paper(**change).torchvision_name() for change in changes] == [None] * len(changes)


def test_auxiliary_logits_come_in_training_only():
    network, x = small(), torch.rand(2, 3, 32, 32)
    output = network(x)
    assert isinstance(output, Auxiliary)
    assert [logits.shape for logits in (output.logits, *output.others)] == 2 * [(2, 7)]
    assert output.weight == 0.4
    output.others[0].sum().backward()
    assert network.lower.conv1a.conv.weight.grad.any()
    assert network.upper.mixed7a.towers[0][0].conv.weight.grad is None
    assert network.eval()(x).shape == (2, 7)
    assert small(auxiliary=False)(x).shape == (2, 7)


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 75), ("small", 7)])
def test_the_least_image_is_the_least(stem, side):
    shape = [1, side, side + 9]
    network = small(stem=stem, in_shape=shape)
    assert network(torch.rand(2, *shape)).logits.shape == (2, 7)
    message = f"^inception_v3 requires images of at least {side}x{side}, got 1x{side - 1}x{side}; use network.stem=small"
    with pytest.raises(ValueError, match=message):
        small(stem=stem, in_shape=[1, side - 1, side])


def test_the_small_stem_keeps_the_size_up_to_6a():
    shapes = {row.name: row.shape for row in summarize(small(), SMALL["in_shape"])}
    assert shapes["lower.mixed5d.merge"] == (288 // 8, 32, 32)
    assert shapes["lower.mixed6e.merge"] == (768 // 8, 15, 15)
    assert shapes["upper.mixed7c.merge"] == (2048 // 8, 7, 7)


def test_norm_activation_and_width_are_everywhere():
    network = small(norm="after", activation="prelu")
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == len(convs) == 96
    assert sum(isinstance(module, nn.PReLU) for module in network.modules()) == 96
    assert network.auxiliary1.conv1.conv.out_channels == 768 // 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
        ({"auxiliary_weight": -1.0}, r"^auxiliary_weight must be at least 0 and finite, got -1.0; "),
        (
            {"in_shape": [1, 40]},
            r"^inception_v3 requires images of channels x height x width, got samples of 1x40; ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
