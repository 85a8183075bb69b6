"""A machine so small that every state can be counted."""

import itertools

import pytest
import torch

from podium.layers.boltzmann import Machine

VISIBLE, HIDDEN = 4, 3


def machine(*, linear=False):
    torch.manual_seed(0)
    parts = [torch.randn(HIDDEN, VISIBLE), torch.randn(HIDDEN), torch.randn(VISIBLE)]
    return Machine(*(part.double() for part in parts), mirror=None, linear=linear)


def states(units):
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=units)), dtype=torch.float64)


def energies(found, visible, hidden):
    """Of every pair of states, (visible states, hidden states)."""
    pairs = torch.einsum("vi,ji,hj->vh", visible, found.weight, hidden)
    return -(visible @ found.visible_bias)[:, None] - (hidden @ found.hidden_bias)[None] - pairs


def test_the_free_energy_sums_over_every_hidden_state():
    found, visible = machine(), states(VISIBLE)
    counted = -torch.logsumexp(-energies(found, visible, states(HIDDEN)), 1)
    torch.testing.assert_close(found.free_energy(visible), counted)


def test_units_are_on_as_often_as_the_energies_say():
    found, visible, hidden = machine(), states(VISIBLE), states(HIDDEN)
    both = energies(found, visible, hidden)
    torch.testing.assert_close(found.up(visible), torch.softmax(-both, 1) @ hidden)
    torch.testing.assert_close(found.down(hidden), torch.softmax(-both, 0).T @ visible)


def test_binary_units_are_drawn_with_their_means_and_linear_ones_around_them():
    torch.manual_seed(0)
    mean = torch.tensor([[0.1, 0.9]]).expand(4000, 2)
    drawn = machine().draw(mean)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(drawn.mean(0), mean[0], rtol=0, atol=0.03)
    around = machine(linear=True).draw(10 * mean)
    torch.testing.assert_close(around.mean(0), 10 * mean[0], rtol=0, atol=0.06)
    torch.testing.assert_close(around.std(0), torch.ones(2), rtol=0, atol=0.05)


def test_the_free_energy_of_linear_units_is_the_integral_over_their_values():
    found = machine(linear=True)
    visible = states(VISIBLE)[[3, 9]]
    values = torch.linspace(-14, 14, 4001, dtype=torch.float64)
    means = found.up(visible)
    step = values[1] - values[0]
    energy = values.square() / 2 - means[..., None] * values
    integral = -((-energy).exp().sum(-1) * step).log().sum(1) - visible @ found.visible_bias
    constant = HIDDEN * torch.tensor(2 * torch.pi, dtype=torch.float64).sqrt().log()
    torch.testing.assert_close(found.free_energy(visible), integral + constant)


@pytest.mark.parametrize("linear", [False, True])
def test_the_gradient_of_the_free_energy_is_what_contrastive_divergence_counts(linear):
    found = machine(linear=linear)
    weight = found.weight.clone().requires_grad_()
    visible = states(VISIBLE)
    Machine(weight, found.hidden_bias, found.visible_bias, mirror=None, linear=linear).free_energy(
        visible
    ).sum().backward()
    torch.testing.assert_close(-weight.grad, found.up(visible).T @ visible)
