"""All lanes as one program: a step of training, and the validation of all."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from podium.data.arrays import Arrays
from podium.pack.edits import Edits
from podium.pack.errors import Unpackable
from podium.pack.fold import Lanes
from podium.pack.lane import Lane
from podium.pack.network import FoldedNetwork
from podium.pack.updates import make_update


class Program:
    """Lanes under way. Rows of orders and columns of losses follow ``lanes``, as all matrices do.

    Raises:
        Unpackable: a part of the runs has no packed form.
    """

    def __init__(self, lanes: Sequence[Lane], *, grouped: bool) -> None:
        data = lanes[0].parts.data
        train, validation = data.examples("train"), data.examples("validation")
        if not isinstance(train, Arrays) or not isinstance(validation, Arrays):
            raise Unpackable("data that is read from files batch by batch cannot be packed")
        self.lanes = list(lanes)
        self.train, self.validation = train, validation
        self.batch_size, self.classes = data.batch_size, data.num_classes
        self._streams = Lanes([lane.generator for lane in lanes], grouped=grouped)
        networks = [lane.parts.network for lane in lanes]
        self.network = FoldedNetwork(networks, self._streams)
        self.edits = Edits([lane.parts.tricks for lane in lanes], self.network, networks[0])
        self.update = make_update([lane.rate.optimizer for lane in lanes], self.network.weights)

    def gradient(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of training examples (lanes, batch): losses and errors (lanes,), and the gradient (lanes, parameters)."""
        lanes = len(self.lanes)
        flat = rows.reshape(-1)
        target = self.train.target.index_select(0, flat)
        output = self.network(self.train.input.index_select(0, flat))
        wanted = self.edits.targets(target, self.classes)
        losses = F.cross_entropy(output, wanted, reduction="none").view(lanes, -1).mean(1)
        (gradient,) = torch.autograd.grad(losses.sum(), self.network.weights)
        wrong = (output.detach().argmax(1) != target).view(lanes, -1).sum(1)
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
        lanes, examples = len(self.lanes), len(self.validation)
        totals = torch.zeros(2, lanes, dtype=torch.float64)
        self.network.module.eval()
        with torch.inference_mode():
            for begin in range(0, examples, self.batch_size):
                batch = self.validation.batch(slice(begin, begin + self.batch_size))
                output = self.network(batch.input.repeat(lanes, *[1] * (batch.input.ndim - 1)))
                target = batch.target.repeat(lanes)
                losses = F.cross_entropy(output, target, reduction="none").view(lanes, -1)
                totals[0] += losses.double().sum(1)
                totals[1] += (output.argmax(1) != target).view(lanes, -1).sum(1)
        self.network.module.train()
        means = (totals / examples).float().tolist()
        return [{"validation/loss": means[0][k], "validation/top1_error": means[1][k]} for k in range(lanes)]

    def rates_changed(self) -> None:
        """Take each lane's learning rate from its schedule."""
        self.update.rate = torch.tensor([[lane.rate.value] for lane in self.lanes])

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only, by their place in ``lanes``."""
        chosen = torch.tensor(kept, dtype=torch.long)
        self.lanes = [self.lanes[k] for k in kept]
        self._streams.generators = [lane.generator for lane in self.lanes]
        self.network.select(chosen)
        self.edits.select(chosen)
        self.update.select(chosen)
