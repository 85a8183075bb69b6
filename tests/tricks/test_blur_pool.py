import copy
import math
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from podium.run.costs import network_costs
from podium.tricks.blur_pool import Blur, BlurPool


def reference(maps: torch.Tensor, taps: list[float], stride: int) -> torch.Tensor:
    """Pad with the edge, convolve each channel with the outer product of the taps, with a stride."""
    before, behind = (len(taps) - 1) // 2, len(taps) // 2
    padded = F.pad(maps, (before, behind, before, behind), mode="replicate")
    kernel = torch.outer(torch.tensor(taps), torch.tensor(taps)) / sum(taps) ** 2
    channels = maps.shape[1]
    return F.conv2d(padded, kernel.expand(channels, 1, -1, -1), stride=stride, groups=channels)


@pytest.mark.parametrize(
    ("size", "taps"), [(2, [1.0, 1]), (3, [1.0, 2, 1]), (4, [1.0, 3, 3, 1]), (5, [1.0, 4, 6, 4, 1])]
)
def test_max_pooling_and_convolution_are_the_formula(size, taps):
    x = torch.randn(2, 3, 11, 14)
    pool = BlurPool(filter_size=size).edit_network(nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1)))
    torch.testing.assert_close(pool(x), reference(F.max_pool2d(x, 3, 1, 1), taps, 2))
    conv = nn.Conv2d(3, 4, 5, stride=3, padding=1)
    dense = F.conv2d(x, conv.weight, conv.bias, padding=1)
    edited = BlurPool(filter_size=size).edit_network(nn.Sequential(conv))
    torch.testing.assert_close(edited(x), reference(dense, taps, 3))


LAYERS = {
    "pool": (lambda: nn.MaxPool2d(2), 2),
    "pool that overlaps": (lambda: nn.MaxPool2d(3, stride=2, padding=1), 2),
    "pool that rounds up": (lambda: nn.MaxPool2d(3, stride=2, ceil_mode=True), 2),
    "pool that rounds up with padding": (lambda: nn.MaxPool2d(3, stride=3, padding=1, ceil_mode=True), 2),
    "dilated pool that rounds up": (lambda: nn.MaxPool2d(2, stride=3, dilation=2, ceil_mode=True), 2),
    "pool of one axis": (lambda: nn.MaxPool2d((1, 3), stride=(1, 2)), 2),
    "convolution": (lambda: nn.Conv2d(2, 2, 3, stride=2, padding=1), 2),
    "projection": (lambda: nn.Conv2d(2, 2, 1, stride=2), 2),
    "grouped": (lambda: nn.Conv2d(2, 2, 3, stride=(2, 3), groups=2), 2),
    "1-d": (lambda: nn.Sequential(nn.Conv1d(2, 2, 3, stride=2), nn.MaxPool1d(2, ceil_mode=True)), 1),
    "3-d": (lambda: nn.Sequential(nn.Conv3d(2, 2, 3, stride=2), nn.MaxPool3d((1, 2, 2), ceil_mode=True)), 3),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_all_sizes_stay_and_one_tap_is_neutral(kind):
    make, dims = LAYERS[kind]
    torch.manual_seed(0)
    plain = nn.Sequential(make())
    for side in range(7, 17):
        x = torch.randn(1, 2, *(side + k for k in range(dims)))
        expected = plain(x)
        for size in (2, 3, 5):
            assert BlurPool(filter_size=size).edit_network(copy.deepcopy(plain))(x).shape == expected.shape
        same = BlurPool(filter_size=1).edit_network(copy.deepcopy(plain))(x)
        if (
            "rounds up" in kind or dims != 2
        ):  # the window that hangs over the edge sees what the last full one sees
            assert same.shape == expected.shape
        else:
            torch.testing.assert_close(same, expected)


def test_a_constant_map_stays_constant_and_a_shift_changes_less():
    pool = nn.Sequential(nn.MaxPool2d(2))
    blurred = BlurPool(filter_size=3).edit_network(copy.deepcopy(pool))
    assert torch.allclose(blurred(torch.full((1, 1, 8, 8), 3.0)), torch.tensor(3.0))
    x = torch.randn(8, 1, 33, 33)

    def change(network: nn.Module) -> float:
        return float((network(x[..., :-1]) - network(x[..., 1:])).square().mean() / network(x[..., 1:]).var())

    assert change(blurred) < 0.6 * change(pool)


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 4, 1),
    )


def test_average_pooling_and_what_has_no_stride_stay():
    edited = BlurPool(filter_size=3).edit_network(network())
    assert [name for name, m in edited.named_modules() if isinstance(m, Blur)] == ["0.after.0", "2.after.0"]
    assert edited[3].stride == 2


def test_names_and_numbers_of_parameters_and_depth_stay():
    plain, edited = network(), BlurPool(filter_size=3).edit_network(network())
    assert list(edited.state_dict()) == list(plain.state_dict())
    costs, more = network_costs(plain, [1, 16, 16]), network_costs(edited, [1, 16, 16])
    assert (costs["depth"], costs["parameters"]) == (more["depth"], more["parameters"])
    assert more["multiply_adds"] > costs["multiply_adds"]


def test_the_gradient_is_that_of_the_reference():
    x = torch.randn(1, 2, 9, 9, requires_grad=True)
    edited = BlurPool(filter_size=3).edit_network(nn.Sequential(nn.Conv2d(2, 2, 1, stride=2)))
    weight = torch.randn(1, 2, 5, 5)
    (edited(x) * weight).sum().backward()
    ours, x.grad = x.grad, None
    (reference(F.conv2d(x, edited[0].weight, edited[0].bias), [1.0, 2, 1], 2) * weight).sum().backward()
    torch.testing.assert_close(ours, x.grad)


def test_an_edited_network_can_be_copied_and_pickled():
    edited = BlurPool(filter_size=3).edit_network(network())
    x = torch.randn(2, 1, 16, 16)
    for again in (copy.deepcopy(edited), pickle.loads(pickle.dumps(edited))):
        assert torch.equal(again(x), edited(x))


def test_the_taps_sum_to_one():
    for size in range(1, 8):
        assert math.fsum(Blur(size, (2, 2)).taps) == 1


def test_a_network_that_leaves_nothing_out_is_refused():
    with pytest.raises(
        ValueError, match=r"^the network must hold max pooling or a convolution with a stride"
    ):
        BlurPool(filter_size=3).edit_network(nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(3, stride=1)))


def test_no_tap_is_refused():
    with pytest.raises(ValueError, match=r"^filter_size must be at least 1, got 0"):
        BlurPool(filter_size=0)


def test_pooling_that_rounds_up_takes_maps_smaller_than_its_window():
    for side in (1, 2, 3):
        x = torch.randn(1, 1, side, side)
        plain = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True))
        edited = BlurPool(filter_size=3).edit_network(copy.deepcopy(plain))
        assert edited(x).shape == plain(x).shape
        assert edited(x).isfinite().all()
