from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from podium.optim.cyclic_cosine import CyclicCosine
from podium.tasks.detection import Detection
from podium.tricks.early_stopping import EarlyStopping
from podium.tricks.ema import EMA
from podium.tricks.snapshot_ensemble import SnapshotEnsemble
from podium.tricks.swa import SWA

EPOCH = 4  # batches


class Rates(pl.Callback):
    """The learning rate of every step."""

    def __init__(self):
        self.seen = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.seen.append(optimizer.param_groups[0]["lr"])


class Pausing(SnapshotEnsemble):
    def on_train_epoch_end(self, trainer, pl_module):
        trainer.should_stop = True


def answers(tools, states, input):
    """The mean of the probabilities of networks with these weights, in double precision."""
    total = 0
    for state in states:
        network = tools.make_network()
        network.load_state_dict(state)
        total = total + network.eval()(input).detach().double().softmax(1)
    return total / len(states)


@pytest.mark.parametrize(("epochs", "ends"), [(3, [4, 8, 12]), (5, [6, 13, 20])])
@pytest.mark.parametrize("last", [2, 3])
def test_the_mean_probabilities_of_the_last_cycles_ends_answer(tools, epochs, ends, last):
    live = tools.At("on_train_batch_end")
    fitted = tools.fit([SnapshotEnsemble(cycles=3, last=last)], epochs=epochs, callbacks=[live])
    states = [live.seen[end - 1] for end in ends][-last:]
    input = torch.randn(5, 6)
    expected = answers(tools, states, input)
    torch.testing.assert_close(
        fitted.network.eval()(input).softmax(1).double(), expected, atol=1e-6, rtol=1e-5
    )
    assert not torch.allclose(answers(tools, states[-1:], input), expected, atol=1e-3)


def test_with_accumulation_steps_of_the_optimizer_count(tools):
    live = tools.At("on_train_batch_end")
    fitted = tools.fit([SnapshotEnsemble(cycles=2, last=2)], epochs=2, callbacks=[live], accumulate=3)
    input = torch.randn(5, 6)
    expected = answers(tools, [live.seen[3], live.seen[7]], input)  # two steps an epoch, one cycle an epoch
    torch.testing.assert_close(
        fitted.network.eval()(input).softmax(1).double(), expected, atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_snapshot_is_taken_where_the_rate_is_lowest(tools, accumulate):
    trick, rates = SnapshotEnsemble(cycles=3, last=3), Rates()
    taken = tools.At("on_train_batch_end", look=lambda _: len(trick.state_dict()["snapshots"]))
    tools.fit(
        [trick],
        epochs=4,
        callbacks=[taken, rates],
        schedule=partial(CyclicCosine, cycles=3),
        accumulate=accumulate,
    )
    per_batch = [
        k for k in range(16) if accumulate == 1 or k % EPOCH in (2, 3)
    ]  # batches that end with a step
    counts = [taken.seen[k] for k in per_batch]
    assert len(counts) == len(rates.seen)
    ends = [k for k, count in enumerate(counts) if count > [0, *counts][k]]
    lowest = [k for k, r in enumerate(rates.seen) if k + 1 == len(counts) or rates.seen[k + 1] > r]
    assert ends == lowest
    assert len(lowest) == 3


def test_training_and_its_validation_are_what_they_are_without_snapshots(tools):
    one, other = tools.At("on_train_batch_end"), tools.At("on_train_batch_end")
    with_trick = tools.fit([SnapshotEnsemble(cycles=4, last=2)], epochs=4, callbacks=[one])
    plain = tools.fit([], epochs=4, callbacks=[other])
    assert all(tools.equal(a, b) for a, b in zip(one.seen, other.seen, strict=True))
    assert with_trick.trainer.callback_metrics == plain.trainer.callback_metrics
    batch = torch.randn(5, 6)
    assert torch.equal(with_trick.network.train()(batch), plain.network.train()(batch))


def test_the_last_snapshot_alone_is_neutral(tools):
    neutral, plain = tools.fit([SnapshotEnsemble(cycles=2, last=1)]), tools.fit([])
    assert tools.equal(tools.copy_of(neutral.network), tools.copy_of(plain.network))


def test_the_state_of_an_ensemble_loads_into_a_fresh_network(tools):
    fitted = tools.fit([SnapshotEnsemble(cycles=2, last=2)])
    fresh = SnapshotEnsemble(cycles=2, last=2).edit_network(tools.make_network())
    fresh.load_state_dict(tools.through_a_file(tools.copy_of(fitted.network)))
    fresh.load_state_dict(tools.copy_of(fitted.network))  # and into one that has its snapshots
    input = torch.randn(5, 6)
    assert torch.equal(fresh.eval()(input), fitted.network.eval()(input))
    assert [p.requires_grad for p in fresh.snapshots.parameters()] == [False] * 6
    with pytest.raises(RuntimeError, match="snapshots"):
        tools.make_network().load_state_dict(tools.copy_of(fitted.network))


def test_an_ensemble_of_one_logit_averages_the_probability_of_the_second_class():
    network = SnapshotEnsemble(cycles=2, last=2).edit_network(nn.Sequential(nn.Linear(1, 1)))
    state = {"0.weight": torch.zeros(1, 1), "0.bias": torch.tensor([2.0])}
    network.load_state_dict(
        {**state, "snapshots.0.0.weight": torch.zeros(1, 1), "snapshots.0.0.bias": torch.zeros(1)}
    )
    mean = (torch.sigmoid(torch.tensor(2.0)) + 0.5) / 2
    answer = torch.sigmoid(network.eval()(torch.zeros(1, 1)).detach())
    assert float(answer) == pytest.approx(float(mean))


def test_probabilities_too_small_for_a_number_keep_their_logarithm(tools):
    network = SnapshotEnsemble(cycles=2, last=2).edit_network(nn.Sequential(nn.Linear(1, 2)))
    state = {"weight": torch.zeros(2, 1), "bias": torch.tensor([300.0, 0.0])}
    network.load_state_dict({f"{k}0.{n}": v for k in ("", "snapshots.0.") for n, v in state.items()})
    assert network.eval()(torch.zeros(1, 1))[0].tolist() == pytest.approx([0.0, -300.0])


@pytest.mark.parametrize("cycles", [2, 4])
def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path, cycles):
    schedule = partial(CyclicCosine, cycles=cycles)
    tools.resumes(lambda: SnapshotEnsemble(cycles=cycles, last=2), tmp_path, schedule=schedule)


def test_forgotten_snapshots_are_noticed(tools, tmp_path):
    class Forgetful(SnapshotEnsemble):
        def load_state_dict(self, state_dict):
            pass

    with pytest.raises(AssertionError):
        tools.resumes(lambda: Forgetful(cycles=4, last=4), tmp_path)


def test_a_fit_that_stops_before_its_end_makes_no_ensemble(tools):
    fitted = tools.fit([SnapshotEnsemble(cycles=8, last=2)], epochs=4)
    assert hasattr(fitted.network, "snapshots")
    stopped = tools.fit([Pausing(cycles=8, last=2)], epochs=4)
    assert not hasattr(stopped.network, "snapshots")


def test_fewer_steps_than_cycles_are_said(tools, caplog):
    fitted = tools.fit([SnapshotEnsemble(cycles=5, last=5)], epochs=1)
    assert len(fitted.network.snapshots) == 3
    assert "snapshot_ensemble has 4 networks instead of 5" in caplog.text


@pytest.mark.parametrize(
    "other",
    [
        EMA(decay=0.9, warmup=False),
        SWA(start=0.5),
        EarlyStopping(monitor="validation/loss", mode="min", patience=1, min_delta=0.0, restore_best=False),
    ],
)
def test_what_else_decides_with_which_weights_a_run_ends_is_refused(tools, other):
    with pytest.raises(ValueError, match=r"^a run of snapshots must train to its end .*, got \w+ too; leave"):
        tools.fit([SnapshotEnsemble(cycles=2, last=2), other])


def test_a_task_without_classes_is_refused(tools):
    task = Detection.__new__(Detection)
    with pytest.raises(ValueError, match=r"^the task must give probabilities of classes, got Detection; .*$"):
        SnapshotEnsemble(cycles=2, last=2).check(task, [])


def test_a_task_whose_sums_are_no_logits_is_refused():
    task = nn.Module()
    task.by_rule = True
    with pytest.raises(ValueError, match=r"^the task must give probabilities of classes, got Module; .*$"):
        SnapshotEnsemble(cycles=2, last=2).check(task, [])


def test_a_network_without_parameters_is_refused(weightless):
    with pytest.raises(ValueError, match=r"^the network must have trained parameters, .*$"):
        SnapshotEnsemble(cycles=2, last=2).edit_network(weightless)


@pytest.mark.parametrize(
    ("cycles", "last", "said"), [(0, 1, "cycles must"), (3, 0, "last must"), (3, 4, "last must")]
)
def test_bad_numbers_are_refused(cycles, last, said):
    with pytest.raises(ValueError, match=rf"^{said} be .*, got \d; .*$"):
        SnapshotEnsemble(cycles=cycles, last=last)
