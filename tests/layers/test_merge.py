import numpy as np
import pytest
import torch
from torch import nn

from podium.layers.merge import make_merge

NUMPY = {
    "add": lambda branches: np.sum(branches, axis=0),
    "subtract": lambda branches: branches[0] - branches[1],
    "multiply": lambda branches: np.prod(branches, axis=0),
    "average": lambda branches: np.mean(branches, axis=0),
    "maximum": lambda branches: np.max(branches, axis=0),
    "concatenate": lambda branches: np.concatenate(branches, axis=1),
    "dot": lambda branches: np.einsum("bf...,bf...->b...", *branches)[:, np.newaxis],
}
OF_TWO = {"subtract", "dot"}
SHAPES = [(4, 3), (2, 3, 5), (2, 3, 4, 5), (2, 3, 2, 4, 5)]


def branches(number, shape):
    generator = np.random.default_rng(number)
    return [generator.normal(size=shape) for _ in range(number)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NUMPY)
def test_two_branches_become_what_numpy_makes_of_them(name, shape):
    given = branches(2, shape)
    merged = make_merge(name)(*map(torch.from_numpy, given))
    np.testing.assert_allclose(merged.numpy(), NUMPY[name](given), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize("name", sorted(set(NUMPY) - OF_TWO))
def test_any_number_of_branches_can_be_joined(name, number):
    given = branches(number, (2, 3, 4, 4))
    merged = make_merge(name)(*map(torch.from_numpy, given))
    np.testing.assert_allclose(merged.numpy(), NUMPY[name](given), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(OF_TWO))
def test_differences_and_dot_products_are_of_two_branches(name):
    given = list(map(torch.from_numpy, branches(3, (2, 3))))
    with pytest.raises(TypeError):
        make_merge(name)(*given)


def test_branches_of_different_features_can_only_be_concatenated():
    narrow, wide = torch.rand(2, 3, 4, 4), torch.rand(2, 5, 4, 4)
    merged = make_merge("concatenate")(narrow, wide)
    assert torch.equal(merged[:, :3], narrow)
    assert torch.equal(merged[:, 3:], wide)
    for name in set(NUMPY) - {"concatenate"}:
        with pytest.raises(RuntimeError, match="must match"):
            make_merge(name)(narrow, wide)


@pytest.mark.parametrize("name", NUMPY)
def test_the_gradient_reaches_every_branch_and_is_the_numeric_one(name):
    given = [torch.from_numpy(branch).requires_grad_() for branch in branches(2, (2, 3, 2))]
    assert torch.autograd.gradcheck(make_merge(name), given)


@pytest.mark.parametrize("name", NUMPY)
def test_a_merge_changes_none_of_its_branches_and_holds_nothing(name):
    given = list(map(torch.from_numpy, branches(2, (2, 3, 2))))
    before = [branch.clone() for branch in given]
    merge = make_merge(name)
    merge(*given)
    assert all(torch.equal(branch, old) for branch, old in zip(given, before, strict=True))
    assert not merge.state_dict()


def test_each_call_makes_a_new_module():
    assert all(make_merge(name) is not make_merge(name) for name in NUMPY)
    assert len({type(make_merge(name)) for name in NUMPY}) == len(NUMPY)
    assert all(isinstance(make_merge(name), nn.Module) for name in NUMPY)
