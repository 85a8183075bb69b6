import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.ops import FrozenBatchNorm2d
from twins import assert_takes_published_weights

from podium.networks.torchvision_detection import LEAST_SIZE, TorchvisionDetection

NAMES = [
    name
    for name in models.list_models(module=models.detection)
    if not name.startswith(("maskrcnn", "keypointrcnn"))
]
SMALL = "ssdlite320_mobilenet_v3_large"
TARGET = torch.tensor(
    [
        [[0.0, 4, 4, 24, 24], [2.0, 30, 20, 60, 50], [-1, -1, -1, -1, -1]],
        [[1.0, 10, 10, 40, 30], [-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1]],
        [[-1.0, -1, -1, -1, -1]] * 3,
    ]
)
PICTURES = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def make(name=SMALL, **changes):
    values = {
        "in_shape": [3, 64, 64],
        "num_classes": 3,
        "image_size": 64,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "least_score": 0.0,
        "most_detections": 20,
        "norm_momentum": 0.1,
    }
    torch.manual_seed(0)
    return TorchvisionDetection(name=name, **values | changes)


@pytest.mark.parametrize(
    "name",
    [
        SMALL,
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in NAMES
            if name not in (SMALL, "fasterrcnn_mobilenet_v3_large_320_fpn")
        ),
    ],
)
def test_each_learns_from_boxes_of_random_weights_and_answers_with_rows(name):
    network = make(name, image_size=LEAST_SIZE.get(name, 64))
    assert all(p.requires_grad for p in network.parameters())
    assert not any(isinstance(m, FrozenBatchNorm2d) for m in network.modules())
    losses = network(PICTURES, TARGET)  # the third picture has no object
    total = sum(losses.values())
    assert total.isfinite()
    total.backward()
    assert any(p.grad is not None and p.grad.any() for p in network.network.backbone.parameters())
    with torch.no_grad():
        found = network.eval()(PICTURES)
    assert found.shape == (3, 20, 6)
    there = found[found[..., 0] >= 0]
    assert set(there[:, 0].tolist()) <= {0.0, 1.0, 2.0}
    assert ((there[:, 1] >= 0) & (there[:, 1] <= 1)).all()
    assert (there[:, 2:] >= 0).all()
    assert (there[:, 2:] <= 64).all()
    assert (found[found[..., 0] < 0] == -1).all()


def test_the_best_comes_first_and_low_scores_are_left_out():
    with torch.no_grad():
        every = make().eval()(PICTURES)
        few = make(least_score=0.25, most_detections=5).eval()(PICTURES)
    assert (every[..., 1].diff(dim=1) <= 0).all()
    assert few.shape == (3, 5, 6)
    assert ((few[..., 1] >= 0.25) | (few[..., 1] == -1)).all()
    blank = make(least_score=0.99).eval()(PICTURES)
    assert (blank == -1).all()


def test_it_is_torchvisions_network_with_its_own_losses_and_detections():
    network = make(image_size=320, norm_momentum=0.03)
    theirs = models.get_model(
        SMALL, weights=None, weights_backbone=None, num_classes=4, detections_per_img=20, score_thresh=0.0
    )
    theirs.load_state_dict(network.network.state_dict())
    truth = [
        {"labels": rows[rows[:, 0] >= 0, 0].long() + 1, "boxes": rows[rows[:, 0] >= 0, 1:]} for rows in TARGET
    ]
    ours, expected = network(PICTURES, TARGET), theirs(list(PICTURES), truth)
    torch.testing.assert_close(ours, dict(expected), rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        found, listed = network.eval()(PICTURES), theirs.eval()(list(PICTURES))
    for rows, one in zip(found, listed, strict=True):
        torch.testing.assert_close(rows[:, 1], one["scores"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(rows[:5, 2:], one["boxes"][:5], rtol=1e-3, atol=1e-2)
        assert torch.equal(rows[:5, 0], one["labels"][:5].float() - 1)


def test_losses_of_evaluation_are_always_the_same_and_change_nothing():
    network = make("fasterrcnn_mobilenet_v3_large_320_fpn").eval()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    before = torch.get_rng_state()
    with torch.no_grad():
        once, again = network(PICTURES, TARGET), network(PICTURES, TARGET)
    assert once == again
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(module.training for module in network.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_each_sample_stands_for_itself_in_evaluation():
    network = make().eval()
    with torch.no_grad():
        torch.testing.assert_close(network(PICTURES)[1:2], network(PICTURES[1:2]), rtol=1e-3, atol=1e-3)


def test_grey_pictures_are_three_equal_channels():
    network = make(in_shape=[1, 64, 64]).eval()
    with torch.no_grad():
        grey = PICTURES[:, :1]
        assert torch.equal(network(grey), network(grey.expand(-1, 3, -1, -1)))


def test_the_background_is_never_an_answer():
    network = make()
    rows = network._rows(
        {
            "labels": torch.tensor([0, 1, 3]),
            "scores": torch.tensor([0.9, 0.2, 0.8]),
            "boxes": torch.arange(12.0).reshape(3, 4),
        }
    )
    assert torch.equal(rows[:, 0], torch.tensor([2.0, 0.0] + [-1.0] * 18))
    assert torch.equal(rows[0, 1:], torch.tensor([0.8, 8, 9, 10, 11]))


def test_torchvisions_weights_fit_under_their_own_names():
    assert_takes_published_weights(make(), SMALL)


def test_running_statistics_keep_up_with_a_short_training():
    norms = [m for m in make(norm_momentum=0.2).modules() if isinstance(m, nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.2}


def test_normalisation_of_random_weights_learns():
    network = make().train()
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [norm.running_var.clone() for norm in norms]
    sum(network(PICTURES, TARGET).values()).backward()
    assert norms
    assert not any(torch.equal(norm.running_var, var) for norm, var in zip(norms, before, strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "yolo"}, f"^name must be one of fasterrcnn_.*, got yolo; set network.name={SMALL}$"),
        ({"name": "maskrcnn_resnet50_fpn"}, "^name must be one of "),
        ({"image_size": 0}, "^image_size must be positive, got 0; set "),
        (
            {"name": "ssd300_vgg16", "image_size": 267},
            "^ssd300_vgg16 needs an image_size of 268 or more, got 267; set network.image_size=300$",
        ),
        ({"most_detections": 0}, "^most_detections must be positive, got 0; set "),
        ({"least_score": 1.0}, r"^least_score must be in \[0, 1\), got 1.0; set "),
        ({"image_std": [1.0, 1.0]}, "^image_mean and image_std must be three numbers each"),
        (
            {"norm_momentum": 0.0},
            r"^norm_momentum must be in \(0, 1\], got 0.0; set network.norm_momentum=0.1$",
        ),
        ({"in_shape": [1, 40]}, "^torchvision_detection requires images of channels x height x width"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)
