"""Stochastic depth (Huang, Sun, Liu, Sedra and Weinberger 2016, https://arxiv.org/abs/1603.09382).

    block l of L survives with probability  s = 1 - p * l / L
    training: y = shortcut + branch * b / s, with b drawn from Bernoulli(s);  evaluation: y = shortcut + branch

Differs from the paper: every example of a batch draws for itself; a surviving branch is scaled by 1 / s in training in
place of by s in evaluation, which is equal in expectation; a branch is computed before it is dropped, so that no time is
saved and its normalisations see every batch.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from podium.contracts import Trick
from podium.layers.merge import Residual
from podium.layers.surgery import insert_before


class StochasticDepth(Trick):
    """Drops residual branches, the last one at rate ``p`` and earlier ones in proportion to their place; 0 is neutral.

    Raises:
        ValueError: ``p`` is outside [0, 1), or the network has no residual branch.
    """

    def __init__(self, *, p: float) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"p must be in [0, 1), got {p}; 0 switches it off")
        self.p = p

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The network with a module that may drop the branch in front of each residual sum."""
        merges = [module for module in network.modules() if isinstance(module, Residual)]
        rates = iter(self.p * k / len(merges) for k in range(1, len(merges) + 1))
        return insert_before(
            network,
            lambda _, module: isinstance(module, Residual),
            lambda: DropBranch(next(rates)),
            what="a residual branch to drop",
        )


class DropBranch(nn.Module):
    """Zeros for a share ``p`` of the examples in training, the others scaled up."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, branch: Float[Tensor, "batch *maps"]) -> Float[Tensor, "batch *maps"]:
        """The branch; the draws come from the CPU's generator on every device."""
        if not self.training or self.p == 0:
            return branch
        survives = torch.rand(len(branch)) >= self.p
        factor = survives.to(branch.dtype) / (1 - self.p)
        return branch * factor.to(branch.device).reshape(-1, *(1 for _ in branch.shape[1:]))

    def extra_repr(self) -> str:
        """The rate."""
        return f"p={self.p:.3g}"
