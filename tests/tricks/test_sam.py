import copy

import pytest
import torch
from torch import nn

from podium.contracts import Trick
from podium.tricks.dropout import Dropout
from podium.tricks.mixup import Mixup
from podium.tricks.sam import SAM

EPOCHS = 2


def reference(tools, rho, *, accumulate=1):
    """Both passes written out with torch alone; statistics are those of the first."""
    network = tools.make_network().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    batches = list(tools.make_batches(3)) * EPOCHS
    for k, batch in enumerate(batches):
        before = copy.deepcopy(network)
        loss = nn.functional.cross_entropy(network(batch.input), batch.target) / accumulate
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        length = sum(float(g.double().square().sum()) for g in gradients) ** 0.5
        with torch.no_grad():
            for p, g in zip(before.parameters(), gradients, strict=True):
                p.add_(rho * g / length)
        (nn.functional.cross_entropy(before(batch.input), batch.target) / accumulate).backward()
        for p, there in zip(network.parameters(), before.parameters(), strict=True):
            p.grad = there.grad if p.grad is None else p.grad + there.grad
        if (k + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
    return tools.copy_of(network)


def close(one, other):
    return one.keys() == other.keys() and all(torch.allclose(one[n], other[n], atol=1e-5) for n in one)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_fit_is_the_formula(tools, accumulate):
    fitted = tools.fit([SAM(rho=0.5)], epochs=EPOCHS, accumulate=accumulate)
    assert close(tools.copy_of(fitted.network), reference(tools, 0.5, accumulate=accumulate))
    plain = tools.fit([], epochs=EPOCHS, accumulate=accumulate)
    assert not close(tools.copy_of(fitted.network), tools.copy_of(plain.network))


class _Draws(Trick):
    """Every loss, and what it drew."""

    def __init__(self):
        self.seen, self.inputs = [], []

    def edit_loss(self, loss, network, batch, output):
        self.seen.append(torch.rand(()).item())
        self.inputs.append(batch.input)
        return loss


def test_both_passes_see_the_same_draws_and_the_next_batch_others(tools):
    draws = _Draws()
    tools.fit([Dropout(p=0.5, input_p=0.5, output_p=0.0), Mixup(alpha=1.0), SAM(rho=0.1), draws], epochs=1)
    assert len(draws.seen) == 8
    assert draws.seen[::2] == draws.seen[1::2]
    assert all(torch.equal(a, b) for a, b in zip(draws.inputs[::2], draws.inputs[1::2], strict=True))
    assert len(set(draws.seen)) == 4


def test_batches_are_recorded_and_counted_once(tools):
    one, other = tools.fit([SAM(rho=1e-9)], epochs=1), tools.fit([], epochs=1)
    with_sam, without = one.task.meter.flush(), other.task.meter.flush()
    assert with_sam.keys() == without.keys()
    assert all(with_sam[name] == pytest.approx(without[name], abs=1e-4) for name in without)
    assert int(one.network[1].num_batches_tracked) == 4


def test_zero_rho_is_neutral(tools):
    for accumulate in (1, 2):
        neutral, plain = (tools.fit(tricks, accumulate=accumulate).network for tricks in ([SAM(rho=0.0)], []))
        assert tools.equal(tools.copy_of(neutral), tools.copy_of(plain))


def test_evaluation_is_at_the_weights_themselves(tools):
    tools.edits_training_alone(SAM(rho=0.5), images=True)


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(lambda: SAM(rho=0.5), tmp_path)


def test_a_gradient_of_zero_changes_no_weight(tools):
    network = nn.Linear(2, 2)
    weights = list(network.parameters())
    before = tools.copy_of(network)
    SAM(rho=0.5)._climb(weights, [torch.zeros_like(p) for p in weights])
    assert tools.equal(tools.copy_of(network), before)


def test_a_task_with_a_learning_rule_of_its_own_is_refused(tools):
    task = tools.fit([], epochs=1).task
    task.automatic_optimization = False
    with pytest.raises(
        ValueError, match=r"^the task must follow the gradient of a loss, got Classification; .*$"
    ):
        SAM(rho=0.1).on_fit_start(None, task)


def test_a_network_without_parameters_is_refused(weightless):
    with pytest.raises(ValueError, match=r"^the network must have trained parameters, .*$"):
        SAM(rho=0.1).edit_network(weightless)


@pytest.mark.parametrize("rho", [-0.1, float("nan"), float("inf")])
def test_a_bad_rho_is_refused(rho):
    with pytest.raises(ValueError, match=r"^rho must be at least 0 and finite, got .*$"):
        SAM(rho=rho)
