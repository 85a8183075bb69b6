import math

import pytest
import torch
from torch import nn

from podium.tricks.grad_clip import GradClip


def clipped(network: nn.Module, max_norm: float) -> None:
    GradClip(max_norm=max_norm).on_before_optimizer_step(
        None, None, torch.optim.SGD(network.parameters(), lr=1.0)
    )


def with_gradients(network: nn.Module) -> list[list[float]]:
    for k, p in enumerate(network.parameters()):
        p.grad = torch.linspace(-1, k + 1, p.numel()).reshape(p.shape)
    return [p.grad.flatten().tolist() for p in network.parameters()]


@pytest.mark.parametrize("max_norm", [0.5, 3.0, 1000.0])
def test_gradients_are_the_formula(network, max_norm):
    before = with_gradients(network)
    norm = math.sqrt(sum(g * g for row in before for g in row))
    clipped(network, max_norm)
    for p, row in zip(network.parameters(), before, strict=True):
        assert p.grad.flatten().tolist() == pytest.approx(
            [g * min(1, max_norm / norm) for g in row], rel=1e-5
        )


def test_no_step_of_a_real_trainer_is_longer_than_max_norm(tools):
    lengths = {}
    for name, tricks in (("clipped", [GradClip(max_norm=0.01)]), ("free", [])):
        look = tools.At("on_before_zero_grad", _norm)
        tools.fit(tricks, callbacks=[look], epochs=2)
        lengths[name] = look.seen[1:]
    assert max(lengths["clipped"]) <= 0.01 * (1 + 1e-5)
    assert max(lengths["free"]) > 0.01


def _norm(network: nn.Module) -> float:
    gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
    return float(torch.cat(gradients).norm()) if gradients else 0.0


def test_an_infinite_max_norm_is_neutral(tools):
    assert tools.equal(
        tools.copy_of(tools.fit([GradClip(max_norm=math.inf)]).network), tools.copy_of(tools.fit([]).network)
    )


def test_weights_are_left_alone(network, tools):
    before = tools.copy_of(network)
    with_gradients(network)
    clipped(network, 0.5)
    assert tools.equal(before, tools.copy_of(network))


def test_a_network_without_parameters_is_refused(weightless):
    with pytest.raises(
        ValueError, match=r"^the network must have trained parameters, .* leave this trick out$"
    ):
        GradClip(max_norm=1.0).edit_network(weightless)


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_a_bad_max_norm_is_refused(max_norm):
    with pytest.raises(ValueError, match=r"^max_norm must be positive, got .*$"):
        GradClip(max_norm=max_norm)
