"""Every file of conf/network keeps these promises. A new file is picked up by its name."""

import re
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional as F

CONF = Path(__file__).parents[2] / "conf"
NETWORKS = sorted(file.stem for file in (CONF / "network").glob("*.yaml"))
IMAGES_28, IMAGES_32 = (1, 28, 28), (3, 32, 32)
CLASSES = 7

# Exact counts for 10 classes: of the catalogue, of the paper, or by hand beside them.
PARAMETERS = {
    "linear": (IMAGES_28, 7_850),
    "dense32": (IMAGES_28, 25_450),
    "dense512": (IMAGES_28, 407_050),
    "dense_dropout": (IMAGES_28, 1_863_690),
    "dense_200_100_100": (IMAGES_28, 157_000 + 20_100 + 10_100 + 1_010),
    "dense_200_100_100_dropout": (IMAGES_28, 188_210),
    "dense_200_100_100_dropout_output": (IMAGES_28, 188_210),
    "dense_200_100_100_bn": (IMAGES_28, 188_210 + 2 * 400),
    "dense_200_100_100_bn_no_bias": (IMAGES_28, 188_210 + 2 * 400 - 400),
    "dense_200_100_100_bn_output": (IMAGES_28, 188_210 + 2 * 410),
    "lecture_cnn": (IMAGES_28, 61_482),
    "lecture_cnn_16_32": (IMAGES_28, 160 + 4_640 + 8_010),
    "lecture_cnn_bn_8": (IMAGES_28, 80 + 16 + 584 + 16 + 12_864 + 650),
    "lecture_cnn_bn_64": (IMAGES_28, 640 + 128 + 36_928 + 128 + 102_464 + 650),
    "functional_cnn": (IMAGES_28, 129_130),
    "functional_cnn_skip": (IMAGES_28, 129_130),
    "lenet5": (IMAGES_28, 156 + 2_416 + 48_120 + 10_164 + 850),
    "lenet5_1998": (IMAGES_28, 156 + 2_416 + 48_120 + 10_164 + 850),
    "cifar_resnet20": (IMAGES_32, 269_722),
    "cifar_plain20": (IMAGES_32, 269_722),
}


@cache
def composed(name, shape=IMAGES_28, classes=CLASSES):
    facts = [f"data.shape={list(shape)}", f"data.num_classes={classes}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"network={name}", *facts])
    return OmegaConf.to_container(config.network, resolve=True), config.task._target_


def build(name, shape=IMAGES_28, classes=CLASSES):
    torch.manual_seed(0)
    return instantiate(composed(name, shape, classes)[0], _convert_="all")


def without_dropout(network):
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_it_names_its_task(name):
    text = (CONF / "network" / f"{name}.yaml").read_text(encoding="utf-8")
    parents = [line.split("- ")[1].strip() for line in text.splitlines() if line.startswith("  - ")]
    inherits = any(parent in NETWORKS for parent in parents)
    assert inherits or any(parent.startswith("override /task@_global_.task: ") for parent in parents)
    assert composed(name)[1].startswith("podium.tasks.")


@pytest.mark.parametrize("name", NETWORKS)
def test_it_gives_one_logit_a_class_for_grey_and_colour_images(name):
    for shape in (IMAGES_28, IMAGES_32):
        assert build(name, shape)(torch.rand(2, *shape)).shape == (2, CLASSES)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 40)])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_takes_other_samples_or_says_in_one_line_what_it_needs(name, shape):
    refusal = ""
    try:
        network = build(name, shape)
    except InstantiationException as error:
        refusal = str(error.__cause__)
    if refusal:
        assert re.fullmatch(r".+ requires images .+, got .+; use .+", refusal)
    else:
        assert network(torch.rand(2, *shape)).shape == (2, CLASSES)


@pytest.mark.parametrize("name", NETWORKS)
def test_its_last_layer_is_called_output(name):
    network = build(name)
    linear = [key for key, module in network.named_modules() if isinstance(module, nn.Linear)]
    assert linear[-1] == "output"
    assert network.output.out_features == CLASSES


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_reaches_every_parameter(name):
    network = without_dropout(build(name))
    F.cross_entropy(network(torch.rand(8, *IMAGES_28)), torch.arange(8) % CLASSES).backward()
    unreached = [
        key
        for key, parameter in network.named_parameters()
        if parameter.grad is None or (parameter.ndim > 1 and not parameter.grad.any())
    ]
    assert unreached == []


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_is_deterministic_and_each_sample_stands_for_itself(name):
    network = build(name).eval()
    batch = torch.rand(4, *IMAGES_28)
    with torch.no_grad():
        once, again, alone = network(batch), network(batch), network(batch[1:2])
    assert torch.equal(once, again)
    torch.testing.assert_close(once[1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_its_state_makes_another_one_equal(name):
    first = build(name)
    first(torch.rand(4, *IMAGES_28))
    torch.manual_seed(1)
    second = instantiate(composed(name)[0], _convert_="all")
    batch = torch.rand(2, *IMAGES_28)
    assert not torch.equal(first.eval()(batch), second.eval()(batch))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(batch), second(batch))


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_it_has_the_published_number_of_parameters(name):
    shape, expected = PARAMETERS[name]
    assert sum(parameter.numel() for parameter in build(name, shape, 10).parameters()) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_no_activation_is_used_twice_in_a_pass(name):
    network = build(name)
    calls: dict[nn.Module, int] = {}

    def count(module, _inputs, _output):
        calls[module] = calls.get(module, 0) + 1

    for module in network.modules():
        module.register_forward_hook(count)
    network(torch.rand(2, *IMAGES_28))
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_one_batch_by_heart(name):
    network = without_dropout(build(name))
    generator = torch.Generator().manual_seed(3)
    batch, target = torch.rand(6, *IMAGES_28, generator=generator), torch.arange(6)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(150):
        optimizer.zero_grad()
        output = network(batch)
        F.cross_entropy(output, target).backward()
        optimizer.step()
        if (output.argmax(1) == target).all():
            return
    pytest.fail(f"still {(output.argmax(1) != target).sum()} of 6 wrong after 150 steps")
