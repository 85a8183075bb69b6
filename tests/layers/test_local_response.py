import torch

from podium.layers.local_response import local_response_norm


def by_hand(maps):
    """The formula of the paper's section 3.3, map by map."""
    result = torch.empty_like(maps)
    for i in range(len(maps)):
        near = maps[max(0, i - 2) : i + 3]
        result[i] = maps[i] / (2 + 1e-4 * (near**2).sum(0)) ** 0.75
    return result


def test_it_is_the_formula_of_the_paper():
    maps = 200 * torch.rand(9, 3, 4)  # large, so that the squares matter
    ours = local_response_norm()(maps[None])[0]
    torch.testing.assert_close(ours, by_hand(maps))
    assert (ours < 0.5 * maps / 2**0.75).any()


def test_torchs_own_reading_of_alpha_is_another():
    maps = 200 * torch.rand(9, 3, 4)
    averaging = torch.nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2)
    assert not torch.allclose(averaging(maps[None])[0], by_hand(maps))
