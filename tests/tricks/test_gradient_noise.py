import pytest
import pytorch_lightning as pl
import torch

from podium.tricks.gradient_noise import GradientNoise


class _Gradients(pl.Callback):
    """Every gradient that reaches the optimizer."""

    def __init__(self):
        self.seen = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.seen.append([p.grad.clone() for g in optimizer.param_groups for p in g["params"]])


class _Before(_Gradients, pl.Callback):
    """The gradients without noise, and the noise of the formula with the draws that follow."""

    def __init__(self, eta, gamma):
        super().__init__()
        self.eta, self.gamma = eta, gamma

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        step, state = len(self.seen), torch.get_rng_state()
        deviation = (self.eta / (1 + step) ** self.gamma) ** 0.5
        parameters = [p for g in optimizer.param_groups for p in g["params"]]
        self.seen.append([p.grad + deviation * torch.randn(p.shape) for p in parameters])
        torch.set_rng_state(state)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_every_gradient_gets_the_noise_of_its_step(tools, monkeypatch, accumulate):
    expected, got = _Before(0.3, 0.55), _Gradients()
    trick = GradientNoise(eta=0.3, gamma=0.55)
    first = type("First", (GradientNoise,), {})(
        eta=0.0, gamma=0.0
    )  # does nothing, and looks before the trick
    first.on_before_optimizer_step = expected.on_before_optimizer_step
    tools.fit([first, trick], callbacks=[got], accumulate=accumulate)
    assert len(got.seen) == 8 // accumulate
    for ours, theirs in zip(got.seen, expected.seen, strict=True):
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))


def test_zero_eta_is_neutral(tools):
    neutral = tools.fit([GradientNoise(eta=0.0, gamma=0.55)]).network
    assert tools.equal(tools.copy_of(neutral), tools.copy_of(tools.fit([]).network))


def test_evaluation_has_no_noise(tools):
    tools.edits_training_alone(GradientNoise(eta=0.3, gamma=0.55), images=False)


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(lambda: GradientNoise(eta=0.3, gamma=0.55), tmp_path)


def test_a_network_without_parameters_is_refused(weightless):
    with pytest.raises(ValueError, match=r"^the network must have trained parameters, .*$"):
        GradientNoise(eta=0.1, gamma=0.55).edit_network(weightless)


@pytest.mark.parametrize("name", ["eta", "gamma"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_bad_value_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be at least 0 and finite, got .*$"):
        GradientNoise(**{"eta": 0.1, "gamma": 0.55, name: value})
