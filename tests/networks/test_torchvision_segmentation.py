import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.ops import FrozenBatchNorm2d
from twins import assert_takes_published_weights

from podium.contracts import Auxiliary
from podium.networks.torchvision_segmentation import TorchvisionSegmentation

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def make(name="lraspp_mobilenet_v3_large", **changes):
    values = {
        "in_shape": [3, 32, 32],
        "num_classes": 4,
        "image_size": None,
        "image_mean": MEAN,
        "image_std": STD,
        "auxiliary": False,
        "auxiliary_weight": 0.5,
        "norm_momentum": 0.1,
    }
    torch.manual_seed(0)
    return TorchvisionSegmentation(name=name, **values | changes)


@pytest.mark.parametrize("name", models.list_models(module=models.segmentation))
def test_every_one_is_built_without_a_download_and_nothing_is_frozen(name):
    with torch.device("meta"):
        network = make(name, auxiliary=not name.startswith("lraspp"))
        theirs = models.get_model(
            name,
            weights=None,
            weights_backbone=None,
            num_classes=4,
            **({} if name.startswith("lraspp") else {"aux_loss": True}),
        )
    assert {k: v.shape for k, v in network.network.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    assert all(p.requires_grad for p in network.parameters())
    assert not any(isinstance(m, FrozenBatchNorm2d) for m in network.modules())


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"])
def test_the_same_weights_give_torchvisions_logits_of_normalised_pictures(name):
    auxiliary = not name.startswith("lraspp")
    network = make(name, auxiliary=auxiliary).eval()
    theirs = models.get_model(
        name, weights=None, weights_backbone=None, num_classes=4, **({"aux_loss": True} if auxiliary else {})
    ).eval()
    theirs.load_state_dict(network.network.state_dict())
    x = torch.rand(2, 3, 40, 56)
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        torch.testing.assert_close(network(x), theirs((x - mean) / std)["out"], rtol=0, atol=1e-4)


def test_the_auxiliary_head_speaks_in_training_alone():
    network = make("deeplabv3_mobilenet_v3_large", auxiliary=True)
    x = torch.rand(2, 3, 32, 32)
    given = network(x)
    assert isinstance(given, Auxiliary)
    assert given.weight == 0.5
    assert [tuple(each.shape) for each in (given.logits, *given.others)] == [(2, 4, 32, 32)] * 2
    calls = []
    network.network.aux_classifier.register_forward_hook(lambda *_: calls.append(1))
    assert network.eval()(x).shape == (2, 4, 32, 32)
    assert calls == []


def test_grey_pictures_are_three_equal_channels_and_sizes_are_free():
    network = make(in_shape=[1, 30, 45], image_size=90).eval()
    grey = torch.rand(1, 1, 30, 45)
    with torch.no_grad():
        assert network(grey).shape == (1, 4, 30, 45)
        assert torch.equal(network(grey), network(grey.expand(-1, 3, -1, -1)))


def test_image_size_is_the_longer_side_inside():
    network, seen = make(in_shape=[3, 20, 40], image_size=80).eval(), []
    network.network.backbone.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0].shape[2:]))
    network(torch.rand(1, 3, 20, 40))
    assert seen == [torch.Size([40, 80])]


def test_each_sample_stands_for_itself_in_evaluation():
    network, x = make().eval(), torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)


def test_torchvisions_weights_fit_under_their_own_names():
    assert_takes_published_weights(make(), "lraspp_mobilenet_v3_large")


def test_running_statistics_keep_up_with_a_short_training():
    norms = [m for m in make(norm_momentum=0.2).modules() if isinstance(m, nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.2}


def test_normalisation_of_random_weights_learns():
    network, x = make().train(), torch.rand(4, 3, 32, 32)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    network(x).square().mean().backward()
    assert all(norm.weight.grad is not None for norm in norms)
    assert not any(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"name": "fcn_resnet5"},
            "^name must be one of deeplabv3_mobilenet_v3_large, .*, got fcn_resnet5; set ",
        ),
        (
            {"auxiliary": True},
            "^auxiliary must be false for lraspp_mobilenet_v3_large, which has no such head; set",
        ),
        ({"image_size": 0}, "^image_size must be positive or null, got 0; set network.image_size=256$"),
        ({"image_std": [1.0, 1.0]}, "^image_mean and image_std must be three numbers each"),
        ({"image_std": [1.0, 0.0, 1.0]}, "^image_mean and image_std must be three numbers each"),
        (
            {"norm_momentum": 0.0},
            r"^norm_momentum must be in \(0, 1\], got 0.0; set network.norm_momentum=0.1$",
        ),
        ({"in_shape": [1, 40]}, "^torchvision_segmentation requires images of channels x height x width"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)
