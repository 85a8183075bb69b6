from functools import partial

import pytest
import torch
from torch import nn

from podium.tricks.layer_rates import LayerRates
from podium.tricks.weight_decay import WeightDecay


def reference(tools, rates, *, factor, decay=0.0):
    """Momentum with each block's own rate: 0 and 1 are a block of the tiny network, 3 is its head."""
    network, velocity = tools.make_network(), {}
    for rate in rates:
        for batch in tools.make_batches(3):
            nn.functional.cross_entropy(network(batch.input), batch.target).backward()
            with torch.no_grad():
                for name, p in network.named_parameters():
                    own = rate * (1 if name.startswith("3.") else factor)
                    velocity[p] = 0.9 * velocity.get(p, 0) + p.grad
                    p -= own * decay * p * (p.ndim >= 2) + own * velocity[p]
                    p.grad = None
    return network


def close(one, other):
    return all(
        torch.allclose(p, q, atol=1e-6) for p, q in zip(one.parameters(), other.parameters(), strict=True)
    )


def test_each_block_below_the_head_has_its_share_of_the_rate(tools):
    got = tools.fit([LayerRates(factor=0.25)]).network
    assert close(got, reference(tools, [0.1, 0.1], factor=0.25))
    assert not close(got, reference(tools, [0.1, 0.1], factor=1.0))


def test_a_schedule_multiplies_all_rates_alike(tools):
    halve = partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    got = tools.fit([LayerRates(factor=0.25)], schedule=halve).network
    assert close(got, reference(tools, [0.1, 0.05], factor=0.25))


def test_weight_decay_follows_each_rate(tools):
    got = tools.fit([WeightDecay(decay=0.5), LayerRates(factor=0.25)]).network
    assert close(got, reference(tools, [0.1, 0.1], factor=0.25, decay=0.5))


def test_rates_fall_with_every_block(tools):
    network = nn.Sequential(*(nn.Linear(6, 6) for _ in range(3)), nn.Linear(6, 3))
    (optimizer,) = tools.fit([LayerRates(factor=0.5)], network=network, lr=0.8).trainer.optimizers
    groups = {group["params"][0]: group["lr"] for group in optimizer.param_groups}
    assert [groups[layer.weight] for layer in network] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert len(groups) == 4


def test_one_is_neutral(tools):
    one, other = (tools.fit(tricks).network for tricks in ([LayerRates(factor=1.0)], []))
    assert tools.equal(tools.copy_of(one), tools.copy_of(other))


def test_it_resumes_bit_for_bit_with_a_schedule(tools, tmp_path):
    halve = partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    tools.resumes(lambda: LayerRates(factor=0.5), tmp_path, schedule=halve)


def test_a_network_with_nothing_below_its_head_is_refused():
    message = (
        r"^the network must hold a block below its head, got Sequential without one; .* leave this trick out$"
    )
    with pytest.raises(ValueError, match=message):
        LayerRates(factor=0.5).edit_network(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))


@pytest.mark.parametrize("factor", [0.0, -1.0, 1.1, float("nan")])
def test_a_bad_factor_is_refused(factor):
    with pytest.raises(ValueError, match=r"^factor must be in \(0, 1\], got .*; 1 switches it off$"):
        LayerRates(factor=factor)
