"""One lane of a pack: a run like any other, as far as it does not lie in the matrices of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from podium.contracts import Trick
from podium.data.loader import BatchLoader
from podium.optim.cyclic_cosine import CyclicCosine
from podium.pack.errors import Unpackable
from podium.pack.home import CPU, Home
from podium.run.build import Assembly, make
from podium.run.engine import training_loader
from podium.tricks.early_stopping import EarlyStopping

Config = dict[str, Any]


class Rate:
    """The learning rate of one lane: its own optimizer and schedule on a stand-in parameter."""

    def __init__(self, config: Config) -> None:
        stand_in = [nn.Parameter(torch.zeros(1))]
        self.optimizer: Optimizer = make(config["optimizer"], "optimizer")(stand_in)
        self._schedule: LRScheduler = make(config["schedule"], "schedule")(self.optimizer)
        if isinstance(self._schedule, CyclicCosine):
            raise Unpackable(
                "schedule=cyclic_cosine changes the rate within an epoch, which cannot be packed"
            )
        self.optimizer.step()  # of no gradient: schedules want to follow a step

    @property
    def value(self) -> float:
        """The rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def after_epoch(self, validation_loss: float) -> None:
        """Step the schedule, as the task does."""
        if isinstance(self._schedule, ReduceLROnPlateau):
            self._schedule.step(validation_loss)
        else:
            self._schedule.step()


@dataclass
class Lane:
    """One run of a pack. ``generator`` goes on where building it left the random stream of the process on the device,
    and ``draws`` where it left that on the CPU, which may be the same.

    ``seconds`` are its share of what all lanes took while it was one of them.
    """

    config: Config
    parts: Assembly
    generator: torch.Generator
    draws: torch.Generator
    rate: Rate
    loader: BatchLoader
    stopping: EarlyStopping | None
    place: int  # in the order that was asked for
    home: Home
    seconds: float = 0.0
    examples: int = 0
    stopped: bool = False

    @classmethod
    def of(cls, config: Config, parts: Assembly, streams: Sequence[Tensor], place: int, home: Home) -> "Lane":
        """The lane of a run that was built just now, with the states of the random streams then (``home.streams_of``).

        Raises:
            Unpackable: its schedule has no packed form.
        """
        generator = torch.Generator(home.device)
        draws = generator if home.device == CPU else torch.Generator()
        for own, stream in zip((generator, draws), streams, strict=True):
            own.set_state(stream)
        return cls(
            config=config,
            parts=parts,
            generator=generator,
            draws=draws,
            rate=Rate(config),
            loader=training_loader(parts, seed=config["seed"]),
            stopping=stopping_of(parts.tricks),
            place=place,
            home=home,
        )


def stopping_of(tricks: Sequence[Trick]) -> EarlyStopping | None:
    """The trick that may stop a run early, if it has one."""
    return next((trick for trick in tricks if isinstance(trick, EarlyStopping)), None)
