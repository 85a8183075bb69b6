import pytest
import torch
from torch import nn

from podium.networks.unet import UNet


def unet(**changes):
    values = {
        "in_shape": [1, 64, 64],
        "num_classes": 2,
        "depth": 4,
        "width": 1.0,
        "activation": "relu",
        "norm": "none",
        "use_bias": True,
        "dropout": 0.5,
    }
    return UNet(**values | changes)


def small(**changes):
    return unet(**{"width": 0.0625, "depth": 2, "in_shape": [3, 20, 20], "num_classes": 5} | changes)


def test_the_papers_network_has_its_layers_and_parameters():
    with torch.device("meta"):
        network = unet()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convolutions) == 23
    stage = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    down = sum(9 * a * b + b + 9 * b * b + b for a, b in stage)
    up = sum(4 * b * a + a + 9 * 2 * a * a + a + 9 * a * a + a for a, b in stage[1:])
    assert sum(p.numel() for p in network.parameters()) == down + up + 64 * 2 + 2 == 31_030_658


def test_maps_have_the_sizes_of_the_paper():
    network, shapes = unet(width=1 / 16), []
    for module in (*network.down, network.bottom, *(rise.stage for rise in network.up)):
        module.register_forward_hook(lambda _m, _i, output: shapes.append(tuple(output.shape[1:])))
    network(torch.rand(1, 1, 64, 64))
    sides = [(4, 64), (8, 32), (16, 16), (32, 8), (64, 4), (32, 8), (16, 16), (8, 32), (4, 64)]
    assert shapes == [(filters, side, side) for filters, side in sides]


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 20, 20), (3, 21, 33), (1, 7, 50)])
def test_every_pixel_gets_a_class_whatever_the_size(shape):
    assert small(in_shape=shape)(torch.rand(2, *shape)).shape == (2, 5, *shape[1:])


def test_fine_detail_goes_by_the_shortcuts():
    network = small(dropout=0.0).eval()
    x = torch.rand(1, 3, 20, 20)
    before = network(x)
    for rise in network.up:
        nn.init.zeros_(rise.rise.weight)
    assert not torch.equal(network(x), before)
    moved = x.clone()
    moved[..., 0, 0] += 1
    changed = (network(moved) != network(x)).any(1)[0]
    assert changed[0, 0]
    assert not changed[10:, 10:].any()  # without the deep path a pixel is seen from near by alone


@pytest.mark.parametrize("norm", ["none", "before", "after"])
def test_it_learns_one_batch_by_heart(norm):
    torch.manual_seed(0)
    network = small(norm=norm, dropout=0.0, in_shape=[3, 12, 12], num_classes=3)
    x = torch.rand(4, 3, 12, 12)
    y = x.argmax(1)  # which channel is the brightest
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters() if p.ndim > 1)
    assert (network(x).argmax(1) == y).float().mean() > 0.7  # 0.33 by chance


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 0}, r"^depth must be positive, got \[0\]; set network.depth=4$"),
        ({"width": 0.0}, r"^width must be positive, got 0.0; set network.width=1.0$"),
        (
            {"in_shape": [1, 15, 64]},
            "^unet requires images of at least 16x16, got 1x15x64; use larger images or",
        ),
        ({"in_shape": [1, 40]}, "^unet requires images of channels x height x width"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        unet(**changes)
