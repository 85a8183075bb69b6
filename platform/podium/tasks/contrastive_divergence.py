"""Contrastive divergence, layer by layer, and fine-tuning (Hinton 2002, https://doi.org/10.1162/089976602760128018; Hinton
and Salakhutdinov 2006, Reducing the dimensionality of data with neural networks, https://doi.org/10.1126/science.1127647).

    weight <- weight + rate * (<hidden visible> of the data - <hidden visible> after k steps of Gibbs sampling)

and biases alike, for one machine of a stack after the other, each on the hidden probabilities of those below; then, for the
rest of the run, all layers by the gradient of the squared error of the reconstruction.

Differs from the papers: fine-tuning minimises the squared error, which the second paper reports, in place of the
cross-entropy, by the run's optimizer in place of conjugate gradients. As Hinton's guide of 2010 says, the last visible and
hidden values of a chain are probabilities.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from podium.contracts import Batch, Trick
from podium.layers.boltzmann import Machine, Stack
from podium.tasks.base import expect_shape
from podium.tasks.reconstruction import squared_error
from podium.tasks.rule import Corrections, RuleTask


class ContrastiveDivergence(RuleTask):
    """Trains a stack of restricted Boltzmann machines, and unrolled as an autoencoder by its gradient.

    ``pretraining`` is the share of the epochs that belongs to the machines, in equal parts from the first to the last; the
    rest is fine-tuning, all of it for 0. ``steps`` is k. Reports the squared error of reconstructions, and without
    fine-tuning the mean free energy of the first machine, whose gap between validation and training shows overfitting.

    Raises:
        ValueError: as ``RuleTask``; the network is no stack, ``steps`` is below 1, or ``pretraining`` is outside [0, 1].
    """

    copies: ClassVar[bool] = True

    def __init__(
        self,
        *,
        network: nn.Module,
        tricks: Sequence[Trick],
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler],
        num_classes: int,
        steps: int,
        pretraining: float,
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}; 1 is usual")
        if not 0 <= pretraining <= 1:
            raise ValueError(f"pretraining must be in [0, 1], got {pretraining}; 1 leaves out fine-tuning")
        if not isinstance(network, Stack):
            raise ValueError(
                f"network must be a stack of Boltzmann machines, got {type(network).__name__}; set network=rbm"
            )
        self.steps = steps
        self.pretraining = pretraining
        super().__init__(
            network=network, tricks=tricks, optimizer=optimizer, schedule=schedule, num_classes=num_classes
        )
        self._machines = network.machines()

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """As many values as the samples have, in their shape."""
        expect_shape(output, (samples, *shape), what="samples", samples=samples)

    def check_parts(self) -> None:
        """Refuse dropout, which machines know nothing of."""
        super().check_parts()
        dropouts = [module for module in self.network.modules() if isinstance(module, nn.Dropout)]
        if self.pretraining > 0 and any(module.p > 0 for module in dropouts):
            raise ValueError(
                "dropout must be 0 where Boltzmann machines learn, got a network with some; leave it out, or set "
                "task.pretraining=0"
            )

    def on_fit_start(self) -> None:
        """Check that every machine has its epochs.

        Raises:
            ValueError: the run is too short.
        """
        super().on_fit_start()
        epochs, least = self.trainer.max_epochs or 0, len(self._machines)
        if self.pretraining > 0 and round(self.pretraining * epochs) < least:
            raise ValueError(
                f"trainer.max_epochs must give each of {least} machines an epoch, got {epochs} of which "
                f"{self.pretraining:g} pretrain; set trainer.max_epochs={-int(-least // self.pretraining)} or more"
            )

    @torch.no_grad()
    def on_train_start(self) -> None:
        """Begin with decoders that mirror the encoder; a resumed run goes on with its own."""
        super().on_train_start()
        if self.pretraining > 0 and self.global_step == 0:
            for machine in self._machines:
                if machine.mirror is not None:
                    machine.mirror.copy_(machine.weight.T)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One correction; what the optimizer remembers of the last turn is no use in another one, and is forgotten."""
        epoch = self.current_epoch
        if batch_idx == 0 and epoch > 0 and self.turn(epoch) != self.turn(epoch - 1):
            (optimizer,) = self.trainer.optimizers
            optimizer.state.clear()
        return super().training_step(batch, batch_idx)

    def turn(self, epoch: int) -> int | None:
        """The machine that learns in an epoch, or None for fine-tuning."""
        epochs = round(self.pretraining * (self.trainer.max_epochs or 0))
        return None if epoch >= epochs else epoch * len(self._machines) // epochs

    def corrections(self, batch: Batch) -> tuple[Tensor, Corrections]:
        """Those of one machine, or the gradient of the whole."""
        turn = self.turn(self.current_epoch)
        if turn is None:
            return self._gradient(batch)
        if self.global_step == 0 and (batch.input.min() < 0 or batch.input.max() > 1):
            raise ValueError(
                "inputs must be from 0 to 1, as probabilities of units being on, got "
                f"{float(batch.input.min()):.3g} to {float(batch.input.max()):.3g}; set data.view.standardize=none"
            )
        visible = batch.input.flatten(1)
        for below in self._machines[:turn]:
            visible = below.up(visible)
        return self.network(batch.input), divergence(self._machines[turn], visible, steps=self.steps)

    def _gradient(self, batch: Batch) -> tuple[Tensor, Corrections]:
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        with torch.enable_grad():
            output = self.network(batch.input)
            gradients = torch.autograd.grad(self.loss(output, batch.input), trained)
        return output.detach(), {p: -gradient for p, gradient in zip(trained, gradients, strict=True)}

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(output, target)

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The mean squared error of each sample, and without fine-tuning its free energy."""
        found = {"mse": squared_error(output, target).sum()}
        if self.pretraining == 1:
            found["free_energy"] = self._machines[0].free_energy(target.flatten(1)).sum()
        return found

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """The label and the mean squared error of each sample."""
        return {"label": batch.target, "squared_error": squared_error(output.float(), batch.input)}


def divergence(machine: Machine, visible: Tensor, *, steps: int) -> Corrections:
    """The corrections of one machine for a batch of its visible values, by so many steps of Gibbs sampling."""
    hidden = machine.up(visible)
    dreamt, imagined = visible, hidden
    for step in range(steps):
        dreamt = machine.down(machine.draw(imagined))
        if step + 1 < steps:
            dreamt = torch.bernoulli(dreamt)
        imagined = machine.up(dreamt)
    weight = (hidden.T @ visible - imagined.T @ dreamt) / len(visible)
    found = {
        machine.weight: weight,
        machine.hidden_bias: (hidden - imagined).mean(0),
        machine.visible_bias: (visible - dreamt).mean(0),
    }
    if machine.mirror is not None:
        found[machine.mirror] = weight.T
    return found
