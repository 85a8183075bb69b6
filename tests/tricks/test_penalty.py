import pytest
import torch
from torch import nn

from podium.tricks.penalty import Penalty

POWERS = pytest.mark.parametrize("power", [1, 2])


def reference(network: nn.Module, power: int, strength: float) -> float:
    """Number by number, from the layers' names."""
    total = 0.0
    for name in ("0.weight", "3.weight"):
        for row in network.state_dict()[name].double().tolist():
            for w in row:
                total += w * w if power == 2 else abs(w)
    return strength * total


@POWERS
def test_the_penalty_is_the_formula(network, batch, power):
    output = network(batch.input)
    penalty = Penalty(power=power, strength=0.3).edit_loss(torch.zeros(()), network, batch, output)
    assert float(penalty.detach()) == pytest.approx(reference(network, power, 0.3), rel=1e-6)


@POWERS
def test_the_gradient_is_the_formulas_derivative_on_weights_and_nothing_elsewhere(network, batch, power):
    Penalty(power=power, strength=0.3).edit_loss(torch.zeros(()), network, batch, batch.target).backward()
    w = network[0].weight
    torch.testing.assert_close(w.grad, 0.3 * w.detach().sign() if power == 1 else 2 * 0.3 * w.detach())
    assert all(
        p.grad is None for name, p in network.named_parameters() if name not in ("0.weight", "3.weight")
    )


@POWERS
def test_zero_strength_is_neutral(tools, power):
    neutral = tools.fit([Penalty(power=power, strength=0.0)]).network
    assert tools.equal(tools.copy_of(neutral), tools.copy_of(tools.fit([]).network))


@POWERS
def test_a_positive_strength_shrinks_the_weights(tools, power):
    plain, shrunk = (
        tools.fit(tricks, epochs=5).network for tricks in ([], [Penalty(power=power, strength=0.05)])
    )
    assert shrunk[0].weight.norm() < plain[0].weight.norm()


@POWERS
def test_evaluation_is_not_penalised(tools, power):
    fitted = tools.fit([Penalty(power=power, strength=0.05)], epochs=1)
    network = fitted.network.eval()
    losses = [nn.functional.cross_entropy(network(b.input), b.target) for b in tools.make_batches(4)]
    logged = fitted.trainer.callback_metrics["validation/loss"]
    assert float(logged) == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)


def test_a_network_without_weights_is_refused(weightless):
    with pytest.raises(ValueError, match=r"^the network must have trained weights .* leave this trick out$"):
        Penalty(power=2, strength=0.1).edit_network(weightless)


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
def test_a_bad_strength_is_refused(strength):
    with pytest.raises(ValueError, match=r"^strength must be at least 0 and finite, got .*$"):
        Penalty(power=1, strength=strength)


def test_another_power_is_refused():
    with pytest.raises(ValueError, match=r"^power must be 1 or 2, got 3; .*$"):
        Penalty(power=3, strength=0.1)
