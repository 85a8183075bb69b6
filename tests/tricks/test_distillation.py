import math

import pytest
import torch
from torch import nn

from podium.tricks.distillation import Distillation


def teacher() -> nn.Module:
    torch.manual_seed(11)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))


def make(weight=0.3, temperature=2.0, teacher=teacher):
    return Distillation(teacher=teacher, temperature=temperature, weight=weight)


def started(trick, network):
    task = nn.Module()
    task.network, task.device = network, torch.device("cpu")
    trick.on_fit_start(None, task)
    return trick


def softened(row, temperature):
    exponentials = [math.exp(z / temperature) for z in row]
    return [e / sum(exponentials) for e in exponentials]


def reference(loss, taught, learned, weight, temperature):
    """Number by number."""
    total = 0.0
    for ours, theirs in zip(taught, learned, strict=True):
        p, q = softened(ours, temperature), softened(theirs, temperature)
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return (1 - weight) * loss + weight * temperature**2 * total / len(taught)


@pytest.mark.parametrize(("weight", "temperature"), [(0.3, 2.0), (1.0, 4.0), (0.5, 1.0)])
def test_the_loss_is_the_formula_with_the_teacher_in_evaluation_mode(network, batch, weight, temperature):
    trick = started(make(weight, temperature), network)
    output = network(batch.input)
    got = float(trick.edit_loss(torch.tensor(1.7), network, batch, output).detach())
    taught = teacher().eval()(batch.input).tolist()
    assert got == pytest.approx(reference(1.7, taught, output.tolist(), weight, temperature), rel=1e-5)


def test_the_gradient_is_that_of_the_papers_cross_entropy_with_soft_targets(network, batch):
    trick = started(make(1.0, 2.0), network)
    output = torch.randn(8, 3, requires_grad=True)
    trick.edit_loss(torch.zeros(()), network, batch, output).backward()
    soft = torch.softmax(teacher().eval()(batch.input) / 2, 1).detach()
    logits = output.detach().clone().requires_grad_()
    (4 * nn.functional.cross_entropy(logits / 2, soft)).backward()
    torch.testing.assert_close(output.grad, logits.grad)


def test_one_logit_of_a_student_learns_from_two_of_its_teacher(network, batch):
    trick = started(make(1.0, 1.0, lambda: nn.Linear(6, 2)), network)
    output = torch.randn(8, 1)
    got = float(trick.edit_loss(torch.zeros(()), network, batch, output))
    taught = trick._network(batch.input).tolist()
    assert got == pytest.approx(
        reference(0.0, taught, [[0.0, z] for [z] in output.tolist()], 1.0, 1.0), rel=1e-5
    )


def test_the_teacher_is_frozen_and_no_part_of_the_student(tools):
    loaded = []
    trick = make(teacher=lambda: loaded.append(teacher()) or loaded[0])
    fitted = tools.fit([trick])
    assert tools.equal(tools.copy_of(loaded[0]), tools.copy_of(teacher()))
    assert not any(p.requires_grad for p in loaded[0].parameters())
    assert fitted.task.state_dict().keys() == tools.fit([]).task.state_dict().keys()
    assert trick.state_dict() == {}
    assert trick._network is None


def test_a_student_comes_closer_to_its_teacher(tools):
    def distance(network):
        inputs = torch.cat([b.input for b in tools.make_batches(3)])
        with torch.no_grad():
            ours, theirs = (
                torch.softmax(network.eval()(inputs), 1),
                torch.softmax(teacher().eval()(inputs), 1),
            )
        return float((ours - theirs).abs().mean())

    alone, taught = (tools.fit(tricks, epochs=10).network for tricks in ([], [make(1.0)]))
    assert distance(taught) < 0.5 * distance(alone)


def test_zero_weight_is_neutral_and_needs_no_teacher(tools):
    def missing():
        raise AssertionError("the teacher was loaded")

    neutral = tools.fit([make(0.0, teacher=missing)]).network
    assert tools.equal(tools.copy_of(neutral), tools.copy_of(tools.fit([]).network))


def test_evaluation_is_without_the_teacher(tools):
    tools.edits_training_alone(make(), images=False)


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(make, tmp_path)


def test_a_teacher_of_other_classes_is_refused(network, batch):
    trick = started(make(teacher=lambda: nn.Linear(6, 4)), network)
    with pytest.raises(
        ValueError, match=r"^teacher and network must give .*, got \(8, 4\) and \(8, 3\); .*$"
    ):
        trick.edit_loss(torch.zeros(()), network, batch, torch.zeros(8, 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0.0}, r"^temperature must be positive and finite, got 0.0; .*$"),
        ({"temperature": float("nan")}, r"^temperature must be .*$"),
        ({"weight": 1.1}, r"^weight must be in \[0, 1\], got 1.1; 0 switches it off$"),
        ({"weight": float("nan")}, r"^weight must be .*$"),
    ],
)
def test_a_bad_value_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)
