import pytest
import torch
from torch import nn

from podium.tricks.label_smoothing import LabelSmoothing


def test_the_loss_is_torchs_smoothed_cross_entropy(network, batch):
    output = network(batch.input)
    target = LabelSmoothing(smoothing=0.3).edit_target(batch.target, output)
    expected = nn.functional.cross_entropy(output, batch.target.argmax(1), label_smoothing=0.3)
    torch.testing.assert_close(nn.functional.cross_entropy(output, target), expected)


def test_targets_are_the_formula_and_stay_probabilities(batch):
    smooth = LabelSmoothing(smoothing=0.3).edit_target(batch.target, batch.target)
    for row, hard in zip(smooth.tolist(), batch.target.tolist(), strict=True):
        assert row == pytest.approx([0.7 * t + 0.3 / 3 for t in hard])
        assert sum(row) == pytest.approx(1)


def test_it_mutates_nothing(batch):
    before = batch.target.clone()
    LabelSmoothing(smoothing=0.3).edit_target(batch.target, batch.target)
    assert torch.equal(batch.target, before)


def test_zero_smoothing_is_neutral(batch):
    assert torch.equal(LabelSmoothing(smoothing=0.0).edit_target(batch.target, batch.target), batch.target)


def test_evaluation_has_hard_targets(tools):
    fitted = tools.fit([LabelSmoothing(smoothing=0.5)], epochs=1)
    network = fitted.network.eval()
    losses = [nn.functional.cross_entropy(network(b.input), b.target) for b in tools.make_batches(4)]
    logged = fitted.trainer.callback_metrics["validation/loss"]
    assert float(logged) == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)


def test_a_single_class_is_refused():
    with pytest.raises(
        ValueError, match=r"^targets must have at least 2 classes, got 1; leave this trick out$"
    ):
        LabelSmoothing(smoothing=0.1).edit_target(torch.ones(4, 1), torch.ones(4, 1))


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, float("nan")])
def test_a_bad_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match=r"^smoothing must be in \[0, 1\], got .*$"):
        LabelSmoothing(smoothing=smoothing)
