import math

import pytest
import torch

from podium.tricks.confidence_penalty import ConfidencePenalty


def reference(logits: list[list[float]], strength: float) -> float:
    """Number by number."""
    total = 0.0
    for row in logits:
        exponentials = [math.exp(z) for z in row]
        shares = [e / sum(exponentials) for e in exponentials]
        total += sum(p * math.log(p) for p in shares)
    return strength * total / len(logits)


def edited(output, network, batch, strength=0.3):
    trick = ConfidencePenalty(strength=strength)
    return float(trick.edit_loss(torch.zeros(()), network, batch, output))


def test_the_penalty_is_the_formula(network, batch):
    logits = torch.randn(8, 3)
    assert edited(logits, network, batch) == pytest.approx(reference(logits.tolist(), 0.3), rel=1e-5)
    assert edited(torch.zeros(8, 3), network, batch) == pytest.approx(-0.3 * math.log(3), rel=1e-6)


def test_one_logit_is_that_of_the_second_of_two_classes(network, batch):
    logits = torch.randn(8, 1)
    expected = reference([[0.0, z] for [z] in logits.tolist()], 0.3)
    assert edited(logits, network, batch) == pytest.approx(expected, rel=1e-5)


def test_pixels_count_as_examples_do(network, batch):
    logits = torch.randn(2, 3, 4, 5)
    rows = logits.permute(0, 2, 3, 1).reshape(-1, 3).tolist()
    assert edited(logits, network, batch) == pytest.approx(reference(rows, 0.3), rel=1e-5)


def test_sure_outputs_have_a_finite_gradient(network, batch):
    logits = torch.tensor([[1e4, 0.0, -1e4]], requires_grad=True)
    ConfidencePenalty(strength=0.3).edit_loss(torch.zeros(()), network, batch, logits).backward()
    assert torch.isfinite(logits.grad).all()


def test_zero_strength_is_neutral(tools):
    neutral = tools.fit([ConfidencePenalty(strength=0.0)]).network
    assert tools.equal(tools.copy_of(neutral), tools.copy_of(tools.fit([]).network))


def test_outputs_become_less_sure(tools):
    @torch.no_grad()
    def entropy(network):
        p = torch.softmax(network.eval()(torch.cat([b.input for b in tools.make_batches(3)])), 1)
        return float(-(p * p.log()).sum(1).mean())

    plain, penalised = (
        tools.fit(tricks, epochs=10).network for tricks in ([], [ConfidencePenalty(strength=1.0)])
    )
    assert entropy(penalised) > entropy(plain) + 0.1


def test_evaluation_is_not_penalised(tools):
    tools.edits_training_alone(ConfidencePenalty(strength=0.3), images=False)


def test_an_output_that_is_no_logits_is_refused(network, batch):
    with pytest.raises(ValueError, match=r"^the network must give logits .*, got shape \(4,\); leave .*$"):
        edited(torch.zeros(4), network, batch)


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
def test_a_bad_strength_is_refused(strength):
    with pytest.raises(ValueError, match=r"^strength must be at least 0 and finite, got .*$"):
        ConfidencePenalty(strength=strength)
