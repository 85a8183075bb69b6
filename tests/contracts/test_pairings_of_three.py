"""Three tricks at a time, drawn at random and in any order: a run with them trains and resumes exactly, or is refused.

The network is residual, with batch normalisation, and takes every trick that asks for no dense layer. A run is broken off
in the middle of an epoch as Ctrl-C does it, and goes on from its checkpoint.
"""

import signal
from collections import Counter

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from pairing_cases import REFUSAL
from pairing_networks import EPOCHS, TRICKS, Repeated, small

from podium.run.engine import loop
from podium.run.interrupts import Interrupted, interrupts
from podium.run.saver import Saver

NETWORK, BATCHES, BROKEN_AT = "cifar_resnet20", 2, 3


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return small(NETWORK, tmp_path_factory.mktemp("teacher"))


class BreakOff(pl.Callback):
    """Asks for an end behind a step, as a signal does."""

    def __init__(self, asked, step):
        self.asked, self.step = asked, step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == self.step:
            self.asked.signum = signal.SIGTERM


def train(network, names, path, *, break_at=None, resume=False, more=()):
    """Train with tricks, and the callbacks of more besides; the parts of the run."""
    parts, data = network.build(*names)
    loader = Repeated(data, BATCHES)
    with interrupts() as asked:
        saver = Saver(path, every_s=1e9, stop_epoch=None, interrupts=asked, loader=loader, begin=0)
        callbacks = [*parts.tricks, *(make() for make in more), BreakOff(asked, break_at), saver]
        loop(parts, path.parent, callbacks, loader=loader, checkpoint=path if resume else None)
    return parts


def check(network, names, path, *, more=()):
    """What a run with these tricks promises; whether it got as far as to be broken off."""
    parts = train(network, names, path, more=more)
    state = parts.network.state_dict()
    assert all(tensor.isfinite().all() for tensor in state.values())
    with torch.no_grad():
        once, again = (parts.network.eval()(network.batch.input) for _ in range(2))
    assert torch.equal(once, again)
    assert torch.isfinite(parts.task.loss(once, network.batch.target))
    try:
        train(network, names, path, break_at=BROKEN_AT, more=more)
    except Interrupted:
        resumed = train(network, names, path, resume=True, more=more).network.state_dict()
        assert resumed.keys() == state.keys()
        assert [name for name in state if not torch.equal(state[name], resumed[name])] == []
        return True
    return False


@pytest.mark.parametrize(("drawn", "seed"), [(25, 0), pytest.param(150, 1, marks=pytest.mark.slow)])
def test_any_three_tricks_in_any_order_train_evaluate_and_resume_exactly_or_are_refused(
    network, tmp_path, drawn, seed
):
    seen = Counter()

    @seeded(seed)
    @settings(max_examples=drawn, deadline=None, database=None)
    @given(st.lists(st.sampled_from(TRICKS), min_size=3, max_size=3, unique=True))
    def each(names):
        refusal = ""
        try:
            seen["resumed" if check(network, names, tmp_path / "last.ckpt") else "ended at once"] += 1
        except ValueError as error:
            refusal = str(error)
            seen["refused"] += 1
        assert not refusal or REFUSAL.fullmatch(refusal)

    each()
    assert seen["resumed"] > drawn / 2


class Forgetful(pl.Callback):
    """Keeps no state, and changes weights by it."""

    steps = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.steps += 1
        with torch.no_grad():
            next(pl_module.parameters()).add_(0.01 * self.steps)


def test_what_forgets_its_state_would_be_found(network, tmp_path):
    assert EPOCHS * BATCHES > BROKEN_AT
    assert check(network, ["mixup", "ema"], tmp_path / "last.ckpt")
    with pytest.raises(AssertionError, match=r"\.weight"):
        check(network, ["mixup", "ema"], tmp_path / "last.ckpt", more=[Forgetful])
