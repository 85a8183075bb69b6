"""One trick on one network: what the pairing table says of it, found by training on one small batch.

The network is one of pairing_networks.py. It is trained on four pictures (signals, volumes) over and over.
"""

import copy
import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
from pairing_networks import Repeated, Small, small
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from podium.contracts import Batch
from podium.run.engine import loop
from podium.tasks.base import Task

BATCHES = (2, 8, 32)  # in an epoch: more are tried where fewer did not help
ENOUGH = 0.99  # of the loss before
# What is tried in turn where a trick does not learn so soon: less of it, larger steps, or a network that it holds back less.
EASIER = {
    "distillation": ["tricks.distillation.weight=0.1"],  # its teacher knows nothing
    "drop_block": ["tricks.drop_block.p=0.02"],
    "dropout": ["tricks.dropout.p=0.02"],
    "freeze": ["optimizer.lr=0.1"],
    "gradual_unfreezing": ["optimizer.lr=0.0003"],
    "sam": ["tricks.sam.rho=0.02"],
    "spectral_norm": ["network.norm=before"],
    "squeeze_excite": ["network.norm=before"],
}
REFUSAL = re.compile(r"((tricks\.\w+|task): )?(?P<reason>[^\n]+, got [^\n]+; [^\n]+)")
RAISE = "leave this trick out or raise the sizes"
LEARNS, TRAINS, REFUSED = "learns", "trains", "refused"


@dataclass(frozen=True)
class Cell:
    """What one trick does on one network, and why where that is not to learn."""

    outcome: str
    reason: str = ""

    @classmethod
    def read(cls, text: str) -> "Cell":
        outcome, _, reason = text.partition(": ")
        return cls(outcome, reason)

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}" if self.reason else self.outcome


@torch.no_grad()
def loss_of(task: Task, network: nn.Module, batch: Batch, *, moving: Set[str]) -> float:
    """The loss of a batch in evaluation: without noise, mixing, penalties and auxiliary classifiers.

    Batch normalisation that is trained takes the statistics of the batch, because running ones come late.
    """
    network = copy.deepcopy(network).eval()
    for name in moving:
        network.get_submodule(name).train()
    output = network(*batch) if task.targets in ("boxes", "sequences") else network(batch.input)
    loss: float = task.loss(output, task.truth(batch)).item()
    return loss


def statistics(network: nn.Module) -> dict[str, Tensor]:
    """The running means of batch normalisation, by the name of the module."""
    norms = {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
    return {name: norm.running_mean.clone() for name, norm in norms.items() if norm.running_mean is not None}


def outcome(network: Small, *tricks: str, batches: int) -> Cell:
    """Train with tricks, and say what came of it.

    Raises:
        AssertionError: weights are not finite, or none has moved.
        Exception: whatever is no refusal in a sentence of the house.
    """
    try:
        parts, data = network.build(*tricks)
        before = copy.deepcopy(parts.network)
        loop(parts, Path(), [*parts.tricks], loader=Repeated(data, batches), checkpoint=None)
    except ValueError as error:
        if not (refusal := REFUSAL.fullmatch(str(error))):
            raise
        return Cell(REFUSED, refusal["reason"])
    after = dict(parts.network.named_parameters())
    assert all(tensor.isfinite().all() for tensor in after.values()), "weights are not finite"
    moved = [name for name, tensor in before.named_parameters() if not torch.equal(after[name], tensor)]
    assert moved, "nothing was trained"
    now = statistics(parts.network)
    moving = {name for name, mean in statistics(before).items() if not torch.equal(now[name], mean)}
    first = loss_of(parts.task, before, network.batch, moving=moving)
    last = loss_of(parts.task, parts.network, network.batch, moving=moving)
    return Cell(LEARNS if last < ENOUGH * first else TRAINS)


class Pairs:
    """The pairs of one network: it is composed once, and so is the one on larger samples where it is needed."""

    def __init__(self, name: str, folder: Path, *, whole: bool = False) -> None:
        self.small = cache(partial(small, name, folder, whole=whole))

    def same_as(self) -> str:
        """What two files have in common that are one network once they are small."""
        config = self.small().config
        return repr((config["network"], config["task"], config["optimizer"], config["data"]["shape"]))

    def cell(self, trick: str) -> Cell:
        """The trick on the network: on larger samples where small ones do not do."""
        return self._on_fitting_samples(trick, self._trained)

    def refused(self, trick: str) -> bool:
        """Whether the trick is refused; if not, a few steps are trained, and their weights are finite."""
        few = partial(outcome, batches=BATCHES[0])
        return self._on_fitting_samples(trick, few).outcome == REFUSED

    def _on_fitting_samples(self, trick: str, train: Callable[[Small, str], Cell]) -> Cell:
        found = train(self.small(), trick)
        if found.outcome == REFUSED and found.reason.endswith(RAISE):
            return train(self.small(times=2), trick)
        return found

    def _trained(self, network: Small, trick: str) -> Cell:
        """With more batches where few do not help, then with what is easier, which the reason names."""
        found = self._longer(network, trick)
        if found.outcome != TRAINS:
            return found
        for easier in EASIER.get(trick, []):
            group, key = easier.partition("=")[0].split(".", 1)
            has_key = group != "network" or key in network.config["network"]
            if has_key and self._longer(self.small(easier), trick).outcome == LEARNS:
                return Cell(TRAINS, f"it learns with {easier}")
        raise AssertionError(f"the batch is not learned, with none of {EASIER.get(trick, [])} either")

    def _longer(self, network: Small, trick: str) -> Cell:
        found = Cell(TRAINS)
        for batches in BATCHES:
            if found.outcome == TRAINS:
                found = outcome(network, trick, batches=batches)
        return found
