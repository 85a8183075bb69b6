from functools import partial

import pytest
import torch
from torch import nn

from podium.tricks.weight_decay import WeightDecay


def reference(network: nn.Module, batches, *, lr: float, decay: float) -> None:
    """torch's AdamW, told which parameters are weights."""
    weights = [p for p in network.parameters() if p.ndim >= 2]
    others = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=lr)
    for batch in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(batch.input), batch.target).backward()
        optimizer.step()


class _Task(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network


def test_with_adam_it_is_adamw_bit_for_bit(tools):
    expected, network = tools.make_network(), tools.make_network()
    reference(expected, tools.make_batches(3), lr=0.01, decay=0.5)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for batch in tools.make_batches(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(batch.input), batch.target).backward()
        WeightDecay(decay=0.5).on_before_optimizer_step(None, _Task(network), optimizer)
        optimizer.step()
    assert tools.equal(tools.copy_of(network), tools.copy_of(expected))


def test_weights_shrink_at_the_current_rate_and_nothing_else_changes(network):
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    for p in network.parameters():
        p.grad = torch.zeros_like(p)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    optimizer.param_groups[0]["lr"] = 0.25  # as a schedule does
    WeightDecay(decay=0.5).on_before_optimizer_step(None, _Task(network), optimizer)
    for name, p in network.named_parameters():
        factor = 1 - 0.25 * 0.5 if name in ("0.weight", "3.weight") else 1
        assert torch.equal(p, before[name] * factor), name


def test_a_real_trainer_follows_the_schedules_rate(tools):
    halve = partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    decayed = tools.fit([WeightDecay(decay=0.5)], schedule=halve).network
    expected = tools.make_network()
    velocity = {}
    for lr in (0.1, 0.05):
        for batch in tools.make_batches(3):
            nn.functional.cross_entropy(expected(batch.input), batch.target).backward()
            with torch.no_grad():
                for p in expected.parameters():
                    velocity[p] = 0.9 * velocity.get(p, 0) + p.grad
                    p -= lr * 0.5 * p * (p.ndim >= 2) + lr * velocity[p]
                    p.grad = None
    for got, wanted in zip(decayed.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(got, wanted)


def test_zero_decay_is_neutral(tools):
    assert tools.equal(
        tools.copy_of(tools.fit([WeightDecay(decay=0.0)]).network), tools.copy_of(tools.fit([]).network)
    )


def test_accumulated_batches_decay_once(tools):
    steps = []
    trick = WeightDecay(decay=0.5)
    inner = trick.on_before_optimizer_step
    trick.on_before_optimizer_step = lambda *args: (steps.append(1), inner(*args))[1]
    tools.fit([trick], epochs=1, accumulate=2)
    assert len(steps) == 2


def test_a_network_without_weights_is_refused(weightless):
    with pytest.raises(ValueError, match=r"^the network must have trained weights .* leave this trick out$"):
        WeightDecay(decay=0.1).edit_network(weightless)


@pytest.mark.parametrize("decay", [-0.1, float("nan"), float("inf")])
def test_a_bad_decay_is_refused(decay):
    with pytest.raises(ValueError, match=r"^decay must be at least 0 and finite, got .*$"):
        WeightDecay(decay=decay)
