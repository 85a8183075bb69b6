"""All lanes as one program: a step of training, and the validation of all."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F

from podium.pack.edits import Edits
from podium.pack.fold import Lanes
from podium.pack.form import Form
from podium.pack.lane import Lane
from podium.pack.network import FoldedNetwork
from podium.pack.updates import make_update


class Program:
    """Lanes under way. Rows of orders and columns of losses follow ``lanes``, as all matrices do.

    ``compiled`` is a value of ``trainer.compile``.

    Raises:
        Unpackable: a part of the runs has no packed form.
    """

    def __init__(self, lanes: Sequence[Lane], *, form: Form, compiled: bool | str = False) -> None:
        data = lanes[0].parts.data
        self.lanes = list(lanes)
        self.home = lanes[0].home
        self.batch_size, self.classes = data.batch_size, data.num_classes
        self._streams = Lanes([lane.generator for lane in lanes], form=form, device=self.home.device)
        networks = [lane.parts.network for lane in lanes]
        self.network = FoldedNetwork(networks, self._streams)
        self.network.compile(compiled)
        tricks, draws = [lane.parts.tricks for lane in lanes], [lane.draws for lane in lanes]
        self.edits = Edits(tricks, self.network, networks[0], draws)
        self.update = make_update([lane.rate.optimizer for lane in lanes], self.network.weights)

    def gradient(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of training examples (lanes, batch): losses and errors (lanes,), and the gradient (lanes, parameters)."""
        lanes = len(self.lanes)
        batch = self.home.batch(self.home.train, rows.reshape(-1))
        edited = self.edits.batch(batch, self.classes)
        output = self.network(edited.input)
        losses = F.cross_entropy(output, edited.target, reduction="none").view(lanes, -1).mean(1)
        (gradient,) = torch.autograd.grad(losses.sum(), self.network.weights)
        wrong = (output.detach().argmax(1) != batch.target).view(lanes, -1).sum(1)
        return self.edits.penalize(losses.detach(), gradient), wrong, gradient

    def step(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Train on examples (lanes, batch); losses and errors (lanes,) of before."""
        losses, wrong, gradient = self.gradient(rows)
        with torch.no_grad():
            self.edits.before_step(gradient, self.update.rate)
            self.update.step(self.network.weights, gradient)
            self.edits.after_step()
        return losses, wrong

    def validate(self) -> list[dict[str, float]]:
        """The validation metrics of each lane, as its task would log them."""
        losses, errors = self.validation_means().tolist()
        return [
            {"validation/loss": loss, "validation/top1_error": error}
            for loss, error in zip(losses, errors, strict=True)
        ]

    def validation_means(self) -> Tensor:
        """The validation losses and errors of all lanes, or of their averages, (2, lanes), where the lanes are."""
        lanes, examples = len(self.lanes), len(self.home.validation)
        totals = torch.zeros(2, lanes, dtype=torch.float64, device=self.home.device)
        self.network.module.eval()
        average = self.edits.average
        with torch.inference_mode(), average.in_network() if average else nullcontext():
            for begin in range(0, examples, self.batch_size):
                rows = slice(begin, begin + self.batch_size)
                batch = self.home.batch(self.home.validation, rows)
                output = self.network(batch.input.repeat(lanes, *[1] * (batch.input.ndim - 1)))
                target = batch.target.repeat(lanes)
                losses = F.cross_entropy(output, target, reduction="none").view(lanes, -1)
                totals[0] += losses.double().sum(1)
                totals[1] += (output.argmax(1) != target).view(lanes, -1).sum(1)
        self.network.module.train()
        return (totals / examples).float()

    def state(self, lane: int) -> dict[str, Tensor]:
        """What a lane would end with now, by the names of its own network: its weights or their average; copies."""
        return (self.edits.average or self.network).state(lane)

    def rates_changed(self) -> None:
        """Take each lane's learning rate from its schedule."""
        rates = torch.tensor([[lane.rate.value] for lane in self.lanes])
        self.update.rate = rates.to(self.home.device)

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only, by their place in ``lanes``."""
        self.lanes = [self.lanes[k] for k in kept]
        self._streams.generators = [lane.generator for lane in self.lanes]
        self.network.select(kept)
        self.edits.select(kept)
        self.update.select(kept)
