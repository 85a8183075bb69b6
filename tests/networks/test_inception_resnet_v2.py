import re

import pytest
import timm
import torch
from inceptions import SMALL, count, options
from torch import nn
from twins import assert_same_logits, assert_same_training_step, twins

from podium.layers.inception import stateful
from podium.networks.inception_resnet_v2 import InceptionResNetV2, ScaledAdd
from podium.run.depth import layer_depth
from podium.run.summary import summarize

PAPER = options("inception_resnet_v2") | {"in_shape": [3, 299, 299], "num_classes": 1000}

OUTPUTS = {
    "conv1a": (32, 149, 149),
    "conv4a": (192, 71, 71),
    "pool2": (192, 35, 35),
    "mixed5b": (320, 35, 35),
    "blocks35": (320, 35, 35),
    "mixed6a": (1088, 17, 17),
    "blocks17": (1088, 17, 17),
    "mixed7a": (2080, 8, 8),
    "blocks8": (2080, 8, 8),
    "last": (2080, 8, 8),
    "conv7b": (1536, 8, 8),
}
TO_TIMM = (
    (r"^features\.", ""),
    (r"^(conv)(\d\w)", r"\1 2d_\2"),
    (r"^(mixed)(\d\w)", r"\1_\2"),
    (r"^blocks35", "repeat"),
    (r"^blocks17", "repeat_1"),
    (r"^blocks8", "repeat_2"),
    (r"^last", "block8"),
    (r"\.inception\.", "."),
    (r"\.?towers\.(\d)", r".branch\1"),
    (r"\.project$", ".conv 2d"),
    (r"\.norm$", ".bn"),
    (r"^output$", "classif"),
)


def network(**changes):
    torch.manual_seed(0)
    return InceptionResNetV2(**PAPER | changes)


def small(**changes):
    return network(**SMALL | changes)


def timm_path(path):
    for pattern, name in TO_TIMM:
        path = re.sub(pattern, name, path)
    return path.replace(" ", "")


class Timms(InceptionResNetV2):
    """Our network with timm's names."""

    def torchvision_name(self):
        return None

    def torchvision_modules(self):
        return {path: timm_path(path) for path in stateful(self)}


@pytest.fixture(scope="module")
def paper():
    with torch.device("meta"):
        return network().eval()


def make_twins():
    form = PAPER | {"norm_scale": True, "dropout": 0.0, "num_classes": 10}  # as timm has it
    return twins(lambda: Timms(**form), lambda: timm.create_model("inception_resnet_v2", num_classes=10))


def test_it_has_the_figures_of_the_catalogue(paper):
    running = [
        module.running_mean.numel() for module in paper.modules() if isinstance(module, nn.BatchNorm2d)
    ]
    assert count(paper) == 55_813_192
    assert count(paper) + 2 * sum(running) == 55_873_736
    with torch.device("meta"):
        assert layer_depth(paper, torch.zeros(1, 3, 299, 299)) == 572


@pytest.fixture(scope="module")
def rows(paper):
    return summarize(paper, PAPER["in_shape"])


@pytest.mark.parametrize("line", OUTPUTS)
def test_every_line_has_the_output_of_the_paper(rows, line):
    assert [row for row in rows if row.name.split(".")[1:2] == [line]][-1].shape == OUTPUTS[line]


def test_the_blocks_have_the_numbers_and_scales_of_the_paper(paper):
    scales = {
        name: [
            module.scale
            for module in paper.features.get_submodule(name).modules()
            if isinstance(module, ScaledAdd)
        ]
        for name in ("blocks35", "blocks17", "blocks8", "last")
    }
    assert scales == {"blocks35": 10 * [0.17], "blocks17": 20 * [0.1], "blocks8": 9 * [0.2], "last": [1.0]}


def test_a_scaled_sum_adds_a_part_of_the_branch():
    branch, shortcut = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(ScaledAdd(0.1)(branch, shortcut), shortcut + 0.1 * branch)


def test_a_block_whose_projection_is_silent_passes_its_input_on():
    block = small().features.blocks17[0].eval()
    nn.init.zeros_(block.project.weight)
    nn.init.zeros_(block.project.bias)
    x = torch.rand(2, 1088 // 8, 5, 5)
    assert torch.equal(block(x), x)


def test_the_last_block_has_no_activation():
    assert isinstance(small().features.last.activation, nn.Identity)
    assert isinstance(small(activation="tanh").features.blocks8[-1].activation, nn.Tanh)


def test_it_is_timms_in_evaluation_and_after_a_training_step():
    ours, theirs = make_twins()
    assert_same_logits(ours, theirs, torch.randn(2, 3, 107, 75))
    assert_same_training_step(ours, theirs, torch.randn(4, 3, 75, 75), torch.tensor([3, 7, 0, 3]))
    ours.features.blocks35[3].merge.scale = 0.2
    with pytest.raises(AssertionError, match="not close"):
        assert_same_logits(ours, theirs, torch.randn(2, 3, 75, 75))


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 75), ("small", 7)])
def test_the_least_image_is_the_least(stem, side):
    shape = [1, side, side + 9]
    assert small(stem=stem, in_shape=shape).eval()(torch.rand(2, *shape)).shape == (2, 7)
    message = (
        f"^inception_resnet_v2 requires images of at least {side}x{side}, got 1x{side - 1}x{side}; "
        "use network.stem=small or larger images$"
    )
    with pytest.raises(ValueError, match=message):
        small(stem=stem, in_shape=[1, side - 1, side])


def test_norm_bias_activation_and_width_are_options():
    changed = small(norm="none", use_bias=True, activation="prelu")
    convs = [module for module in changed.modules() if isinstance(module, nn.Conv2d)]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in changed.modules())
    assert all(conv.bias is not None for conv in convs)
    assert len(convs) == 244
    assert sum(isinstance(module, nn.PReLU) for module in changed.modules()) == 244 - 1
    assert changed.output.in_features == 1536 // 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
        ({"scales": [0.1]}, r"^scales must be 3, got \[0.1\]; set network.scales=\[0.17,0.1,0.2\]$"),
        (
            {"in_shape": [1, 40]},
            r"^inception_resnet_v2 requires images of channels x height x width, got samples of 1x40; ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
