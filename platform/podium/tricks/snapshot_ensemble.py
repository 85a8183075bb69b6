"""Snapshot ensembles (Huang, Li, Pleiss, Liu, Hopcroft and Weinberger 2017, https://arxiv.org/abs/1704.00109).

    p(class | x) = 1/m sum_i p_i(class | x)        over the weights at the ends of the last m of M cycles of one run

A cycle ends behind step floor(k * T / M) of T, for k from 1 to M. Follows the paper, whose cycles are those of
schedule=cyclic_cosine; under another schedule this is what it calls a snapshot ensemble without cycles. The mean is taken
of probabilities and given as their logarithm, which stands in the place of logits.

In training there is one network, and validation sees it as it is. When the run ends, the earlier snapshots become part of
the network, as ``snapshots``: what is tested, saved, loaded and counted from then on are all of them.
"""

import copy
import logging
import math
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from podium.contracts import Trick
from podium.tricks.averaging import Averaging, tensors_of
from podium.tricks.early_stopping import EarlyStopping
from podium.tricks.logits import check_gives_classes, log_probabilities
from podium.tricks.weights import require_trained

_LOG = logging.getLogger(__name__)
_NAME = "snapshots"


class SnapshotEnsemble(Trick):
    """Ends with the networks of the last ``last`` of ``cycles`` cycles, which answer together; 1 is neutral.

    Raises:
        ValueError: there is not one cycle, ``last`` is no number of them, nothing in the network is trained, the
            task has no classes, or the run has another trick that decides with which weights it ends.
    """

    def __init__(self, *, cycles: int, last: int) -> None:
        if cycles < 1:
            raise ValueError(
                f"cycles must be at least 1, got {cycles}; set tricks.snapshot_ensemble.cycles=5"
            )
        if not 1 <= last <= cycles:
            raise ValueError(f"last must be from 1 to the {cycles} cycles, got {last}; 1 switches it off")
        self.cycles = cycles
        self.last = last
        self._snapshots: list[dict[str, Tensor]] = []
        self._ends: set[int] = set()
        self._last_step = 0
        self._step = 0
        self._whole = False

    def check(self, task: pl.LightningModule, tricks: Sequence[Trick]) -> None:
        """There must be classes to average, and nothing else that decides with which weights the run ends."""
        check_gives_classes(task)
        boxes = getattr(task, "targets", "classes") == "boxes"
        if boxes or getattr(task, "copies", False) or getattr(task, "by_rule", False):  # sums are no logits
            raise ValueError(
                f"the task must give probabilities of classes, got {type(task).__name__}; leave this trick out"
            )
        for trick in tricks:
            if isinstance(trick, Averaging | EarlyStopping):
                raise ValueError(
                    f"a run of snapshots must train to its end and end with them, got {type(trick).__name__} too; "
                    "leave one of both out"
                )

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which is ready to take in snapshots: those of its end, or those of a file."""
        require_trained(network)
        network.register_forward_hook(_answer_together)
        network.register_load_state_dict_pre_hook(_make_room)
        return network

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find the steps behind which cycles end."""
        self._last_step = int(trainer.estimated_stepping_batches)
        self._ends = {k * self._last_step // self.cycles for k in range(1, self.cycles + 1)}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the weights when a cycle ends, unless gradients only accumulated."""
        step = trainer.global_step
        if step != self._step and step in self._ends:
            kept = {name: tensor.clone() for name, tensor in tensors_of(pl_module).items()}
            self._snapshots = [*self._snapshots, kept][-self.last :]
            self._whole = step == self._last_step
        self._step = step

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the earlier snapshots answer with the last one, which the network is, unless the run only pauses."""
        if not self._whole:
            return
        if len(self._snapshots) < self.last:
            _LOG.warning(
                "snapshot_ensemble has %d networks instead of %d: training has fewer steps than cycles",
                len(self._snapshots),
                self.last,
            )
        network = pl_module.get_submodule("network")
        _add_copies(network, len(self._snapshots) - 1)
        for k, values in enumerate(self._snapshots[:-1]):
            network.get_submodule(f"{_NAME}.{k}").load_state_dict(values)

    def state_dict(self) -> dict[str, Any]:
        """The snapshots so far, the step of the last look, and whether training was at its end."""
        return {"snapshots": self._snapshots, "step": self._step, "whole": self._whole}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from saved snapshots."""
        self._snapshots = [
            {name: tensor.clone() for name, tensor in one.items()} for one in state_dict["snapshots"]
        ]
        self._step, self._whole = state_dict["step"], state_dict["whole"]


class Snapshots(nn.ModuleList):
    """Earlier snapshots of the network that holds them; a network that runs its parts in turn passes through unchanged."""

    def forward(self, output: Any) -> Any:
        """The output as it is."""
        return output


def _add_copies(network: nn.Module, count: int) -> None:
    """Give a network so many copies of itself, which are not trained."""
    if count > 0:
        copies = [copy.deepcopy(network).requires_grad_(False) for _ in range(count)]
        setattr(network, _NAME, Snapshots(copies))


def _answer_together(network: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    """Forward hook: in evaluation, what the network and its snapshots say together, in place of its output."""
    others: Sequence[nn.Module] = getattr(network, _NAME, ())
    if network.training or not others:
        return output
    outputs = [*(other(*inputs) for other in others), output]
    mean = torch.stack([log_probabilities(one, temperature=1.0) for one in outputs]).logsumexp(0)
    mean = mean - math.log(len(outputs))
    return mean[:, 1:] - mean[:, :1] if output.shape[1] == 1 else mean


def _make_room(network: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before a state is loaded: as many copies as it has snapshots."""
    start = f"{prefix}{_NAME}."
    numbers = {name.removeprefix(start).partition(".")[0] for name in state if name.startswith(start)}
    if numbers and not hasattr(network, _NAME):
        _add_copies(network, len(numbers))
