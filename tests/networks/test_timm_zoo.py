import socket
import sys

import pytest
import timm
import torch

from podium.networks.timm_zoo import Timm


def make(name, in_shape=(1, 32, 32), num_classes=7):
    return Timm(in_shape=in_shape, num_classes=num_classes, name=name)


@pytest.mark.parametrize(
    ("name", "options"), [("resnet18", {}), ("vit_tiny_patch16_224", {"img_size": (32, 32)})]
)
def test_the_same_weights_give_the_same_logits(name, options):
    twin = timm.create_model(name, pretrained=False, num_classes=7, in_chans=1, **options).eval()
    network = make(name).eval()
    assert network.output.in_features == twin.get_classifier().in_features
    paths = {theirs: ours for ours, theirs in network.torchvision_modules().items()}
    state = {}
    for key, tensor in twin.state_dict().items():
        path, _, leaf = key.rpartition(".")
        state[f"{paths[path]}.{leaf}"] = tensor
    network.load_state_dict(state)
    x = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(x), twin(x), rtol=0, atol=1e-6)


def test_a_mean_of_two_linear_layers_stays_inside():
    network = make("deit_tiny_distilled_patch16_224")
    assert network.output is None
    assert network(torch.rand(2, 1, 32, 32)).shape == (2, 7)


def test_a_name_that_timm_has_not_is_told_the_nearest():
    with pytest.raises(ValueError, match=r"network of timm, got 'resnet19'; set network.name=resnet1\d"):
        make("resnet19")


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18", "local-dir:/tmp", "resnet18.a1_in1k"])
def test_a_name_never_leads_anywhere_else(name, monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ValueError, match="name must be a network of timm"):
        make(name)


def test_images_that_do_not_fit_are_refused_in_one_line():
    with pytest.raises(
        ValueError, match=r"timm's vgg11 requires images .+, got samples of 1x8x8 \(.+\); use .+"
    ):
        make("vgg11", (1, 8, 8))


def test_without_timm_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        ValueError, match=r"requires the package timm, got none; pip install timm \(or podium\[timm\]\)"
    ):
        make("resnet18")
