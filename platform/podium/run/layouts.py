"""What a checkpoint depends on: a change of values in mid-training must leave it as it is."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

from podium.data.base import DataModule
from podium.run.build import Assembly, build
from podium.run.changes import Segment, since
from podium.run.engine import make_trainer, quiet_lightning
from podium.run.errors import ConfigError


def check_layouts(chain: Sequence[Segment], data: DataModule | None = None) -> None:
    """Build every segment's parts, and refuse a change that makes weights, optimizer or tricks others than they were.

    ``data`` are those of all segments, and need not be prepared.

    Raises:
        ConfigError: naming the first part that differs; or parts that refuse a changed value.
    """
    if len(chain) == 1:
        return
    first = _layout(build(chain[0].config, data))
    for segment in chain[1:]:
        with since(segment.begin):
            now = _layout(build(segment.config, data))
            for name, what in first.items():
                if now[name] != what:
                    raise ConfigError(f"{name} must stay as they were, got others; change other values")


def _layout(parts: Assembly) -> dict[str, Any]:
    """What a checkpoint holds, by names for people; the optimizer as tricks divide it when a fit begins.

    The parts cannot be trained afterwards.
    """
    probe = _Probe()
    network = parts.network
    weights = {name: (tuple(t.shape), t.dtype) for name, t in network.state_dict().items()}
    trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    here = replace(
        parts,
        trainer=replace(parts.trainer, precision="32-true"),
        runtime=replace(parts.runtime, devices=1, accelerator="cpu"),
    )
    trainer = make_trainer(here, Path(), [*parts.tricks, probe])
    nothing = DataLoader(TensorDataset(torch.zeros(1)))
    with quiet_lightning(), suppress(_Seen):
        trainer.fit(parts.task, nothing, nothing)
    return {
        "the network's weights": weights,
        "the parameters that are trained": trained,
        "the tricks' states": [sorted(trick.state_dict()) for trick in parts.tricks],
        "the optimizer's groups": probe.groups,
        "the optimizer's moments": probe.moments,
    }


class _Seen(Exception):
    """A fit has begun, and need not go on."""


class _Probe(pl.Callback):
    """Looks at the optimizer when a fit begins, behind the tricks, steps another of its kind, and ends the fit."""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note how many parameters each group has, and what the optimizer keeps of one."""
        (optimizer,) = trainer.optimizers
        self.groups = [len(group["params"]) for group in optimizer.param_groups]
        parameter = nn.Parameter(torch.zeros(1))
        parameter.grad = torch.zeros(1)
        values = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
        kind: Callable[..., Optimizer] = type(optimizer)
        other = kind([{**values, "params": [parameter]}])
        other.step()
        self.moments = sorted(other.state[parameter])
        raise _Seen
