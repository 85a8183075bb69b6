import copy
import pickle

import pytest
import torch
from torch import nn

from podium.tricks.drop_block import DropBlock, DropBlocks


def by_hand(maps: torch.Tensor, p: float, block: int) -> torch.Tensor:
    """The formula, a square at a time, with the centres that the same generator draws."""
    n, c, height, width = maps.shape
    gamma = p / block**2 * (height * width) / ((height - block + 1) * (width - block + 1))
    centres = torch.rand(n, c, height - block + 1, width - block + 1) < gamma
    mask = torch.ones_like(maps)
    for i, j, top, left in centres.nonzero().tolist():
        mask[i, j, top : top + block, left : left + block] = 0
    return maps * mask * mask.numel() / mask.sum()


@pytest.mark.parametrize(("block", "size"), [(1, 8), (3, 9), (4, 7), (5, 5)])
def test_training_is_the_formula_with_the_same_draws(block, size):
    maps = torch.randn(6, 5, size, size + 2)
    torch.manual_seed(4)
    got = DropBlocks(0.3, block)(maps)
    torch.manual_seed(4)
    torch.testing.assert_close(got, by_hand(maps, 0.3, block))
    assert not torch.equal(got, maps)


@pytest.mark.parametrize(
    "shape", [(400, 8, 40), (60, 8, 14, 14), (12, 8, 10, 12, 12)], ids=["1-d", "2-d", "3-d"]
)
def test_about_the_rate_is_dropped_in_any_number_of_dimensions_and_the_mean_stays(shape):
    got = DropBlocks(0.1, 3)(torch.ones(shape))
    # overlapping blocks drop a little less than p
    assert 0.075 < float((got == 0).double().mean()) < 0.105
    assert float(got.mean()) == pytest.approx(1, abs=1e-4)


def test_blocks_are_squares_and_each_channel_has_its_own():
    torch.manual_seed(1)
    dropped = DropBlocks(0.02, 3)(torch.ones(30, 8, 12, 12)) == 0
    counts = dropped.sum((2, 3))
    assert (counts[counts > 0] >= 9).all()
    assert (counts == 9).any()
    assert not torch.equal(dropped[:, 0], dropped[:, 1])


def test_a_map_smaller_than_the_block_is_dropped_as_a_whole():
    got = DropBlocks(0.25, 7)(torch.ones(500, 20, 2, 2))
    whole = got.flatten(2)
    assert (whole == whole[..., :1]).all()
    assert float((whole == 0).double().mean()) == pytest.approx(0.25, abs=0.02)


def test_everything_dropped_gives_zeros_and_not_nan():
    torch.manual_seed(0)
    got = DropBlocks(0.999999, 4)(torch.ones(1, 1, 4, 4))
    assert not got.any()


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, 6),
        nn.ReLU(),
        nn.Linear(6, 2),
    )


def test_blocks_are_dropped_behind_the_activations_of_convolutions_alone():
    edited = DropBlock(p=0.2, block_size=3).edit_network(network())
    assert [name for name, m in edited.named_modules() if isinstance(m, DropBlocks)] == ["2.after.0"]


def test_an_activation_that_a_dense_layer_uses_too_passes_what_is_no_map():
    x = torch.randn(5, 4)
    assert DropBlocks(0.9, 3)(x) is x


def test_evaluation_drops_nothing_and_zero_is_neutral():
    plain = network().eval()
    x = torch.randn(4, 1, 8, 8)
    expected = plain(x)
    edited = DropBlock(p=0.5, block_size=3).edit_network(copy.deepcopy(plain))
    assert torch.equal(edited.eval()(x), expected)
    zero = DropBlock(p=0.0, block_size=3).edit_network(copy.deepcopy(plain)).train()
    zero[1].eval()
    state = torch.get_rng_state()
    assert torch.equal(zero(x), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_parameters_keep_their_names_and_an_edited_network_can_be_copied_and_pickled():
    plain = network()
    names = list(plain.state_dict())
    edited = DropBlock(p=0.5, block_size=3).edit_network(plain)
    assert list(edited.state_dict()) == names
    x = torch.randn(4, 1, 8, 8)
    for again in (copy.deepcopy(edited), pickle.loads(pickle.dumps(edited))):
        torch.manual_seed(1)
        expected = edited(x)
        torch.manual_seed(1)
        assert torch.equal(again(x), expected)


def test_a_network_without_convolution_or_without_activation_is_refused():
    for plain in (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())):
        with pytest.raises(
            ValueError, match=r"^the network must hold a convolution with an activation behind it"
        ):
            DropBlock(p=0.1, block_size=3).edit_network(plain)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"p": 1.0, "block_size": 3}, r"^p must be in \[0, 1\), got 1.0"),
        ({"p": float("nan"), "block_size": 3}, r"^p must be in \[0, 1\), got nan"),
        ({"p": 0.1, "block_size": 0}, "^block_size must be at least 1, got 0"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        DropBlock(**values)
