"""Self-organisation of a neocognitron (Fukushima 1980, https://doi.org/10.1007/BF00344251), without labels.

    a of a plane <- a + speed * c * u        b of a plane <- b + speed / 2 * v

u and v are the cells below, in the area of the plane's representative: of its cells that answer most in a column of the
S-layer, across all planes, the one that answers most. A plane without one stays as it is, and where no plane answers to
what is new, one that learnt nothing has the largest answer. Patterns are presented one after the other, and all S-layers
learn from each.

Differs from the paper: behind it, ``output`` says how often each class was shown where a cell of the last C-layer won, and
where none answered: the share of the training examples of the last epoch. Labels are seen there and nowhere else. The
optimizer moves this table alone, and with ``optimizer=sgd optimizer.lr=1`` it is exact. S-layers get what the rule says,
whatever the optimizer and the size of batches: there is no error that would mend what an optimizer made of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from podium.contracts import Batch, Trick
from podium.networks.neocognitron import Neocognitron
from podium.tasks.readout import ReadoutTask
from podium.tasks.rule import Corrections


class SelfOrganization(ReadoutTask):
    """Reinforces the first S-layer with ``first_speed`` and the others with ``speed``, in a share of the epochs.

    That share is ``organizing``; in the others only classes are counted.

    Reports the squared difference of the shares of classes and the right class, and the top-1 error (fraction).

    Raises:
        ValueError: as ``RuleTask``; the network is no neocognitron, a speed is not positive, or ``organizing`` is outside
            [0, 1].
    """

    won: Tensor

    def __init__(
        self,
        *,
        network: nn.Module,
        tricks: Sequence[Trick],
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler],
        num_classes: int,
        first_speed: float,
        speed: float,
        organizing: float,
    ) -> None:
        if not isinstance(network, Neocognitron):
            raise ValueError(
                f"network must be a neocognitron, got {type(network).__name__}; set network=neocognitron"
            )
        for name, value in (("first_speed", first_speed), ("speed", speed)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be positive and finite, got {value}; the paper's are 1 and 16")
        if not 0 <= organizing <= 1:
            raise ValueError(f"organizing must be in [0, 1], got {organizing}; 1 counts as it learns")
        super().__init__(
            network=network, tricks=tricks, optimizer=optimizer, schedule=schedule, num_classes=num_classes
        )
        self.speeds = [first_speed] + [speed] * (len(network.stages) - 1)
        self.organizing = organizing
        cells = network.output.in_features
        self.register_buffer("won", torch.zeros(cells + 1, num_classes, dtype=torch.int64))

    def on_fit_start(self) -> None:
        """Check that S-layers are not to have rates of the optimizer's.

        Raises:
            ValueError: it has groups of different rates.
        """
        super().on_fit_start()
        (optimizer,) = self.trainer.optimizers
        if len({group["lr"] for group in optimizer.param_groups}) > 1:
            raise ValueError(
                "SelfOrganization reinforces by task.first_speed and task.speed, got an optimizer with several rates; "
                "leave the trick that sets them out"
            )

    @torch.no_grad()
    def on_train_start(self) -> None:
        """Begin with a table in which nothing was counted and all classes are alike; a resumed run goes on with its own."""
        super().on_train_start()
        if self.global_step == 0:
            self.readout.weight.zero_()
            self.readout.bias.fill_(1 / self.num_classes)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One correction; classes are counted anew with every epoch."""
        if batch_idx == 0:
            self.won.zero_()
        return super().training_step(batch, batch_idx)

    def corrections(self, batch: Batch) -> tuple[Tensor, Corrections]:
        """What a batch adds to the S-layers, and what is missing to the shares of classes that were counted."""
        if self.global_step == 0 and (least := float(batch.input.min())) < 0:
            raise ValueError(
                f"inputs must be 0 or more, as answers of cells are, got {least:.3g}; set data.view.standardize=none"
            )
        winner, output = self.features(batch)
        self.won += counted(winner, batch.target, self.num_classes)
        weight, bias = shares(self.won)
        layer = self.readout
        found = {
            layer.weight: weight.to(layer.weight) - layer.weight,
            layer.bias: bias.to(layer.bias) - layer.bias,
        }
        if self.current_epoch < round(self.organizing * (self.trainer.max_epochs or 0)):
            assert isinstance(self.network, Neocognitron)
            found |= presented(self.network, batch.input, speeds=self.speeds)
        return output, found

    @torch.no_grad()
    def correct(self, corrections: Corrections) -> None:
        """Let the optimizer take a step of the read-out, and add to S-layers, where they are trained, what is theirs."""
        table = {*self.readout.parameters()}
        super().correct({parameter: more for parameter, more in corrections.items() if parameter in table})
        for parameter, more in corrections.items():
            if parameter not in table and parameter.requires_grad:
                parameter.add_(more)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean squared difference of shares and 1 for the class, 0 for others."""
        return F.mse_loss(output, F.one_hot(target, self.num_classes).to(output.dtype))


def presented(network: Neocognitron, patterns: Tensor, *, speeds: Sequence[float]) -> dict[Tensor, Tensor]:
    """What S-layers learn from patterns that are presented one after the other."""
    stages = network.pairs()
    weights = [(stage.s.excitatory.clone(), stage.s.inhibitory.clone()) for stage in stages]
    for values in patterns[:, None]:
        for stage, (excitatory, inhibitory), speed in zip(stages, weights, speeds, strict=True):
            response = stage.s.respond(values, excitatory, inhibitory)
            planes, more, shunting = stage.s.reinforcement(values, response)
            excitatory[planes] += speed * more
            inhibitory[planes] += speed * shunting
            values = stage.c(response)
    found: dict[Tensor, Tensor] = {}
    for stage, (excitatory, inhibitory) in zip(stages, weights, strict=True):
        found[stage.s.excitatory] = excitatory - stage.s.excitatory
        found[stage.s.inhibitory] = inhibitory - stage.s.inhibitory
    return found


def counted(winner: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """How many examples of each class (columns) each cell won, and in the last row those that none won."""
    rows = F.pad(winner, (0, 1))
    rows[:, -1] = 1 - winner.sum(1)
    return (rows.double().T @ F.one_hot(target, num_classes).double()).round().long()


def shares(won: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (classes, cells) and biases of a layer that gives the shares of classes where a cell won, or none.

    Of a cell that never won, and of none where one always did, they are the shares of all examples.
    """
    examples = won.sum(1, keepdim=True)
    share = torch.where(examples > 0, won / examples.clamp(min=1), won.sum(0) / won.sum())
    return (share[:-1] - share[-1]).T, share[-1]
