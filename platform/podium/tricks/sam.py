"""Sharpness-aware minimisation (Foret, Kleiner, Mobahi and Neyshabur 2020, https://arxiv.org/abs/2010.01412).

    g = gradient of the batch's loss at w;  e = rho * g / (||g|| + 1e-12), with the norm over all parameters
    the optimizer steps from w with the gradient of the same batch's loss at w + e

Follows the paper. Both passes see the same batch with the same draws (augmentation, mixing, dropout); statistics of norms
and training metrics are those of the first. With accumulation each batch has its own e, as each accelerator has in the
paper's section 4.1 (m-sharpness); processes that share a batch have one e. A step takes about twice the time.
"""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from podium.contracts import Trick
from podium.tricks.second_pass import pass_again
from podium.tricks.weights import require_trained


class SAM(Trick):
    """Trains with the gradient at the worst weights within about ``rho`` of the present ones; 0 is neutral.

    Raises:
        ValueError: ``rho`` is negative or not finite, nothing in the network is trained, or its task has a learning rule
            of its own.
    """

    def __init__(self, *, rho: float) -> None:
        if not 0 <= rho < float("inf"):
            raise ValueError(f"rho must be at least 0 and finite, got {rho}; 0 switches it off")
        self.rho = rho
        self._batch: tuple[Any, int] = (None, 0)
        self._draws: list[Tensor] = []
        self._accumulated: dict[nn.Parameter, Tensor] = {}

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have something to train."""
        require_trained(network)
        return network

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Only gradients of a loss can be taken twice."""
        if not pl_module.automatic_optimization:
            raise ValueError(
                f"the task must follow the gradient of a loss, got {type(pl_module).__name__}; leave this trick out"
            )

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Keep the batch and where the random generators are."""
        self._batch = (batch, batch_idx)
        self._draws = _draws(pl_module.device)

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Lay aside what earlier batches accumulated."""
        if self.rho == 0:
            return
        self._accumulated = {p: p.grad for p in pl_module.parameters() if p.grad is not None}
        for parameter in self._accumulated:
            parameter.grad = None

    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace the gradient by that at the worst weights nearby, and add it to what was accumulated.

        It is added in the backward pass, where processes that train together average what each has accumulated.
        """
        if self.rho == 0:
            return
        trained = [p for p in pl_module.parameters() if p.grad is not None]
        kept = [p.detach().clone() for p in trained]
        buffers = [(buffer, buffer.clone()) for buffer in pl_module.buffers()]
        # of the whole batch, also where processes hold parts of it and do not share gradients
        self._climb(trained, [trainer.strategy.reduce(p.grad) for p in trained])
        for parameter in trained:
            parameter.grad = self._accumulated.get(parameter)
        after = _draws(pl_module.device)
        _restore_draws(self._draws, pl_module.device)
        loss = pass_again(trainer, pl_module, *self._batch) / trainer.accumulate_grad_batches
        scaler = getattr(trainer.strategy.precision_plugin, "scaler", None)
        (loss if scaler is None else scaler.scale(loss)).backward()
        _restore_draws(after, pl_module.device)
        with torch.no_grad():
            for target, before in [*zip(trained, kept, strict=True), *buffers]:
                target.copy_(before)
        self._accumulated = {}

    @torch.no_grad()
    def _climb(self, parameters: list[nn.Parameter], gradients: list[Tensor]) -> None:
        length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.add_(gradient * (self.rho / (length + 1e-12)).to(gradient.dtype))


def _draws(device: torch.device) -> list[Tensor]:
    """The states of the random generators that a pass draws from."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _restore_draws(states: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
