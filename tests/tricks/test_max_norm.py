import pytest
import torch
from torch import nn

from podium.tricks.ema import EMA
from podium.tricks.max_norm import MaxNorm


def lengths(weight: torch.Tensor, groups: int = 0) -> list[float]:
    """Of each unit's incoming weights; ``groups`` of a transposed convolution."""
    if groups:
        parts = weight.chunk(groups, 0)
        return [float(part[:, unit].double().norm()) for part in parts for unit in range(part.shape[1])]
    return [float(row.double().norm()) for row in weight]


def test_units_are_shortened_to_the_bound_and_short_ones_stay():
    layers = nn.ModuleList(
        [nn.Linear(5, 4), nn.Conv2d(4, 6, 3, groups=2), nn.ConvTranspose2d(4, 6, 3, groups=2), nn.PReLU(3)]
    )
    before = [layer.weight.detach().clone() for layer in layers]
    bias = layers[0].bias.detach().clone()
    bound = 0.47
    MaxNorm(bound=bound)._constrain(layers)
    for layer, old, groups in zip(layers[:3], before[:3], (0, 0, 2), strict=True):
        old_lengths = lengths(old, groups)
        expected = [min(length, bound) for length in old_lengths]
        assert any(length > bound for length in old_lengths)
        assert lengths(layer.weight.detach(), groups) == pytest.approx(expected, rel=1e-6)
        cosine = nn.functional.cosine_similarity(layer.weight.detach().flatten(), old.flatten(), dim=0)
        assert 0.9 < float(cosine) < 1
    assert torch.equal(layers[3].weight, before[3])
    assert torch.equal(layers[0].bias, bias)


def test_a_unit_without_weights_stays_at_zero():
    linear = nn.Linear(3, 2)
    nn.init.zeros_(linear.weight)
    MaxNorm(bound=1.0)._constrain(linear)
    assert torch.equal(linear.weight, torch.zeros(2, 3))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_after_every_step_every_unit_is_within_the_bound(tools, accumulate):
    seen = tools.At("on_train_batch_end")
    tools.fit([MaxNorm(bound=0.3)], callbacks=[seen], accumulate=accumulate, lr=1.0)
    changed = seen.seen[accumulate - 1 :]
    assert all(max(lengths(w[name])) <= 0.3 + 1e-6 for w in changed for name in ("0.weight", "3.weight"))
    plain = tools.At("on_train_batch_end")
    tools.fit([], callbacks=[plain], accumulate=accumulate, lr=1.0)
    assert max(lengths(plain.seen[-1]["0.weight"])) > 0.4


def test_an_average_that_is_named_first_sees_constrained_weights_too(tools):
    tricks = [EMA(decay=0.0, warmup=False), MaxNorm(bound=0.3)]
    average = tools.copy_of(tools.fit(tricks, lr=1.0).network)
    assert max(lengths(average["0.weight"])) <= 0.3 + 1e-6


def test_an_infinite_bound_is_neutral(tools):
    neutral = tools.fit([MaxNorm(bound=float("inf"))]).network
    assert tools.equal(tools.copy_of(neutral), tools.copy_of(tools.fit([]).network))


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(lambda: MaxNorm(bound=0.3), tmp_path)


def test_a_network_without_weights_is_refused(weightless):
    with pytest.raises(ValueError, match=r"^the network must have trained weights .*$"):
        MaxNorm(bound=3.0).edit_network(weightless)


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan")])
def test_a_bad_bound_is_refused(bound):
    with pytest.raises(ValueError, match=r"^bound must be positive, got .*; .inf switches it off$"):
        MaxNorm(bound=bound)
