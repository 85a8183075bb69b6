import pytest
import torch
from torch import nn
from torchvision import models

from podium.layers.naming import Published, from_torchvision, to_torchvision
from podium.networks.torchvision_zoo import Torchvision
from podium.tricks.dropout import Dropout


def make(name, in_shape=(3, 32, 32), num_classes=7):
    return Torchvision(in_shape=in_shape, num_classes=num_classes, name=name)


def theirs(name, **options):
    torch.manual_seed(5)
    return models.get_model(name, num_classes=7, **options).eval()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenet_v3_small", {}),
        ("resnet18", {}),
        ("squeezenet1_1", {}),
        pytest.param("vit_b_32", {"image_size": 32}, marks=pytest.mark.slow),
        ("googlenet", {"aux_logits": False, "init_weights": False}),
        ("mnasnet0_5", {}),
    ],
)
def test_the_same_weights_give_the_same_logits_and_go_both_ways(name, options):
    twin, network = theirs(name, **options), make(name).eval()
    assert isinstance(network, Published)
    assert network.torchvision_name() == name
    network.load_state_dict(from_torchvision(network, twin.state_dict()))
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(x), twin(x), rtol=0, atol=1e-6)
    back = to_torchvision(network, network.state_dict())
    assert back.keys() == twin.state_dict().keys()
    assert all(torch.equal(back[key], tensor) for key, tensor in twin.state_dict().items())


def test_a_transformer_is_made_for_the_size_of_the_images():
    with torch.device("meta"):
        assert make("vit_b_32", (3, 64, 64)).inner.image_size == 64


@pytest.mark.parametrize("channels", [1, 2])
def test_the_first_convolution_takes_the_channels_of_the_images(channels):
    network = make("resnet18", (channels, 32, 32))
    first, usual = network.inner.conv1, models.resnet18().conv1
    assert (first.in_channels, usual.in_channels) == (channels, 3)
    for what in ("out_channels", "kernel_size", "stride", "padding", "bias"):
        assert getattr(first, what) == getattr(usual, what)
    assert network(torch.rand(2, channels, 32, 32)).shape == (2, 7)
    assert network.torchvision_name() is None


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_there_are_no_auxiliary_classifiers(name):
    network = make(name, (3, 80, 80)).train()
    assert network(torch.rand(2, 3, 80, 80)).shape == (2, 7)
    assert not [key for key in network.state_dict() if "aux" in key.lower()]


def test_a_name_that_torchvision_has_not_is_told_the_nearest():
    with pytest.raises(
        ValueError, match=r"network of torchvision, got 'resnet51'; set network.name=resnet50"
    ):
        make("resnet51")


@pytest.mark.parametrize("name", ["fcn_resnet50", "quantized_resnet18", "raft_small", "r3d_18"])
def test_networks_for_other_tasks_are_not_offered(name):
    with pytest.raises(ValueError, match="name must be a network of torchvision"):
        make(name)


@pytest.mark.parametrize(
    ("name", "in_shape"),
    [("alexnet", (1, 8, 8)), ("vit_b_16", (3, 28, 28)), ("maxvit_t", (3, 32, 32)), ("vit_b_16", (3, 32, 48))],
)
def test_images_that_do_not_fit_are_refused_in_one_line(name, in_shape):
    size = "x".join(str(length) for length in in_shape)
    with pytest.raises(
        ValueError, match=rf"torchvision's {name} requires images .+, got samples of {size} \(.+\); use .+"
    ):
        make(name, in_shape)


def test_signals_are_refused():
    with pytest.raises(ValueError, match="requires images of channels x height x width, got samples of 1x40"):
        make("resnet18", (1, 40))


def test_dropout_stands_behind_every_activation():
    network = make("resnet18")
    activations = sum(isinstance(module, nn.ReLU) for module in network.modules())
    edited = Dropout(p=0.5, input_p=0.0, output_p=0.0).edit_network(network)
    assert sum(isinstance(m, nn.Dropout) and m.p == 0.5 for m in edited.modules()) == activations == 9


def test_a_state_without_versions_loads_into_a_network_whose_authors_ask_for_one():
    state = dict(make("mnasnet0_5").state_dict())
    make("mnasnet0_5").load_state_dict(state)
    twin = theirs("mnasnet0_5")
    with pytest.raises(ValueError, match="version"):
        twin.load_state_dict(dict(twin.state_dict()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n in models.list_models(module=models) if "regnet" not in n] + ["regnet_x_400mf"]
)
def test_every_name_is_taken_and_has_torchvisions_keys(name):
    with torch.device(
        "cpu" if "regnet" in name else "meta"
    ):  # regnets compute with values while they are made
        network = make(name, (3, 224, 224))
        options = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
        twin = models.get_model(name, num_classes=7, **options)
    assert to_torchvision(network, network.state_dict()).keys() == twin.state_dict().keys()
    assert ("output" in dict(network.named_modules())) == (not name.startswith("squeezenet"))
