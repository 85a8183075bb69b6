import pytest
import torch
from torch import nn

from podium.contracts import Batch
from podium.tricks.mixup import Mixup


def test_a_mixed_batch_is_the_formula_for_one_share_and_one_permutation(batch):
    """Inputs that are the targets' one-hot codes of their positions give the share and the partners away."""
    n = len(batch.input)
    marked = Batch(torch.eye(n), torch.eye(n))
    torch.manual_seed(5)
    mixed = Mixup(alpha=1.0).edit_batch(marked)
    off = mixed.input - torch.diag(mixed.input.diagonal())
    shares = mixed.input.diagonal()[off.sum(1) > 0]
    assert len(shares) > 0
    assert torch.allclose(shares, shares[0])
    partner = [
        int((row - shares[0] * one).argmax()) for row, one in zip(mixed.input, torch.eye(n), strict=True)
    ]
    assert sorted(partner) == list(range(n))
    expected = [
        [float(shares[0]) * (i == j) + float(1 - shares[0]) * (partner[i] == j) for j in range(n)]
        for i in range(n)
    ]
    torch.testing.assert_close(mixed.input, torch.tensor(expected))
    torch.testing.assert_close(mixed.target, mixed.input)


def test_the_global_generators_state_alone_decides_the_draw(batch):
    trick = Mixup(alpha=1.0)
    trick.edit_batch(batch)
    state = torch.get_rng_state()
    first, second = trick.edit_batch(batch), trick.edit_batch(batch)
    torch.set_rng_state(state)
    again = Mixup(alpha=1.0).edit_batch(batch)
    assert torch.equal(first.input, again.input)
    assert not torch.equal(first.input, second.input)


def test_zero_alpha_is_neutral_and_draws_nothing(tools, batch):
    state = torch.get_rng_state()
    assert Mixup(alpha=0.0).edit_batch(batch) is batch
    assert torch.equal(state, torch.get_rng_state())


def test_it_mutates_nothing(batch):
    before = Batch(batch.input.clone(), batch.target.clone())
    Mixup(alpha=1.0).edit_batch(batch)
    assert torch.equal(batch.input, before.input)
    assert torch.equal(batch.target, before.target)


def test_evaluation_is_not_mixed(tools):
    fitted = tools.fit([Mixup(alpha=1.0)], epochs=1)
    assert not tools.equal(tools.copy_of(fitted.network), tools.copy_of(tools.fit([], epochs=1).network))
    network = fitted.network.eval()
    losses = [nn.functional.cross_entropy(network(b.input), b.target) for b in tools.make_batches(4)]
    logged = fitted.trainer.callback_metrics["validation/loss"]
    assert float(logged) == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)


def test_inputs_that_are_not_floating_point_are_refused(batch):
    with pytest.raises(
        ValueError, match=r"^inputs must be floating-point numbers, got torch.int64; leave .*$"
    ):
        Mixup(alpha=1.0).edit_batch(Batch(batch.input.long(), batch.target))


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), float("inf")])
def test_a_bad_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match=r"^alpha must be at least 0 and finite, got .*$"):
        Mixup(alpha=alpha)
