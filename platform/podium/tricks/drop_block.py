"""DropBlock (Ghiasi, Lin and Le 2018, https://arxiv.org/abs/1810.12890).

    gamma = p / block^2 * size^2 / (size - block + 1)^2
    M: ones, but for a square of ``block`` x ``block`` zeros around every centre, drawn with probability gamma of the places
    where a square fits into the map
    training: y = x * M * (number of elements of M) / (number of ones in M);  evaluation: y = x

Differs from the paper: ``p`` does not grow during training; behind every convolution and not in the last groups alone. As
there, every channel has squares of its own, and a block is at most as large as the map. Signals and volumes have blocks
of their own dimensions.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from podium.contracts import Trick
from podium.layers.initializers import weight_layers
from podium.layers.surgery import insert_after

_POOLS = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


class DropBlock(Trick):
    """Drops a share of about ``p`` of every feature map in squares of ``block_size``; 0 is neutral.

    Squares are dropped behind the activation of each convolution.

    Raises:
        ValueError: ``p`` is outside [0, 1), a block is smaller than 1, or no convolution has an activation behind it.
    """

    def __init__(self, *, p: float, block_size: int) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"p must be in [0, 1), got {p}; 0 switches it off")
        if block_size < 1:
            raise ValueError(f"block_size must be at least 1, got {block_size}; the paper's choice is 7")
        self.p = p
        self.block_size = block_size

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The network with a module that drops blocks behind the activations of its convolutions."""
        activations = {
            activation
            for layer, activation in weight_layers(network).values()
            if activation is not None and not isinstance(layer, nn.Linear)
        }
        return insert_after(
            network,
            lambda _, module: module in activations,
            lambda: DropBlocks(self.p, self.block_size),
            what="a convolution with an activation behind it",
        )


class DropBlocks(nn.Module):
    """Drops blocks of feature maps in training; what is no map, behind an activation that several layers use, passes."""

    def __init__(self, p: float, block_size: int) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size

    def forward(self, maps: Float[Tensor, "batch features *size"]) -> Float[Tensor, "batch features *size"]:
        """The maps without some blocks, scaled so that their sum stays about the same."""
        size = maps.shape[2:]
        if not self.training or self.p == 0 or not size:
            return maps
        block = [min(self.block_size, length) for length in size]
        room = [length - side + 1 for length, side in zip(size, block, strict=True)]
        gamma = self.p / math.prod(block) * math.prod(size) / math.prod(room)
        centres = torch.rand(*maps.shape[:2], *room, device=maps.device) < gamma
        edges = [side - 1 for side in reversed(block) for _ in range(2)]
        dropped = _POOLS[len(size)](F.pad(centres.to(maps.dtype), edges), block, stride=1)
        kept = 1 - dropped
        return maps * kept * (kept.numel() / kept.sum(dtype=torch.float32).clamp(min=1)).to(maps.dtype)

    def extra_repr(self) -> str:
        """The rate and the size."""
        return f"p={self.p}, block_size={self.block_size}"
