"""A linear read-out by ridge regression (Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634), which
is how echo state networks are fitted (Jaeger 2001).

    w = argmin sum over examples of ||w^T x + b - d||^2 + penalty ||w||^2,        d = 1 for the class, -1 for others

Follows the paper: at the end of an epoch of ``optimizer=sgd`` with ``optimizer.lr=1`` the read-out is the solution for all
training examples; in between, for those of the epoch that were seen. Other optimizers go towards it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from podium.contracts import Batch, Trick
from podium.tasks.readout import ReadoutTask
from podium.tasks.rule import Corrections


class RidgeReadout(ReadoutTask):
    """Solves for the linear layer ``output`` of a network; everything in front of it stays as it was drawn.

    Products of features and of targets are summed in double precision, and checkpoints keep them. The offset bears no
    penalty. Reports the squared difference of sums and signs, and the top-1 error (fraction).

    Raises:
        ValueError: as ``RuleTask``; the penalty is not positive, or the network has no linear layer ``output``.
    """

    products: Tensor
    wanted: Tensor

    def __init__(
        self,
        *,
        network: nn.Module,
        tricks: Sequence[Trick],
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler],
        num_classes: int,
        penalty: float,
    ) -> None:
        if not 0 < penalty < float("inf"):
            raise ValueError(f"penalty must be positive and finite, got {penalty}; set task.penalty=1.0")
        layer = getattr(network, "output", None)
        if not isinstance(layer, nn.Linear):
            raise ValueError(
                f"network must have a linear layer called output, got {type(network).__name__}; set network=echo_state"
            )
        super().__init__(
            network=network, tricks=tricks, optimizer=optimizer, schedule=schedule, num_classes=num_classes
        )
        self.penalty = penalty
        size = layer.in_features + 1
        self.register_buffer("products", torch.zeros(size, size, dtype=torch.float64))
        self.register_buffer("wanted", torch.zeros(size, layer.out_features, dtype=torch.float64))

    def on_fit_start(self) -> None:
        """Check that sums are kept in double precision.

        Raises:
            ValueError: they are not.
        """
        super().on_fit_start()
        if self.products.dtype != torch.float64:
            raise ValueError(
                f"RidgeReadout must add in double precision, got {self.products.dtype}; set trainer.precision=32-true"
            )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One correction; sums begin anew with every epoch."""
        if batch_idx == 0:
            self.products.zero_()
            self.wanted.zero_()
        return super().training_step(batch, batch_idx)

    def corrections(self, batch: Batch) -> tuple[Tensor, Corrections]:
        """What is missing to the solution for the examples that were seen."""
        layer = self.readout
        seen, output = self.features(batch)
        features = F.pad(seen.double(), (0, 1), value=1.0)
        self.products += features.T @ features
        self.wanted += features.T @ self.signs(batch.target).double()
        free = torch.full_like(self.products[0], self.penalty)
        free[-1] = 0.0
        solution = torch.linalg.solve(self.products + free.diag(), self.wanted).to(layer.weight.dtype)
        return output, {layer.weight: solution[:-1].T - layer.weight, layer.bias: solution[-1] - layer.bias}

    def signs(self, target: Tensor) -> Tensor:
        """1 for the class, -1 for others, (batch, classes)."""
        return 2.0 * F.one_hot(target, self.num_classes) - 1.0

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean squared difference of sums and signs."""
        return F.mse_loss(output, self.signs(target).to(output.dtype))
