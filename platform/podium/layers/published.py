"""What networks that others published want around them: pixels as theirs, and running statistics that keep up."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Normalize(nn.Module):
    """Subtracts ``mean`` and divides by ``std``, of three channels; one grey channel is shown as three.

    Raises:
        ValueError: not three numbers, or a deviation that is not positive.
    """

    def __init__(self, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(
                f"image_mean and image_std must be three numbers each, std positive, got {list(mean)} and {list(std)}; "
                "set network.image_mean=[0.485,0.456,0.406] and network.image_std=[0.229,0.224,0.225]"
            )
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """The normalised pixels."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        return (input - mean) / std


def set_norm_momentum(network: nn.Module, momentum: float) -> None:
    """Give every batch normalisation this momentum, the share of a batch in its running statistics.

    Published MobileNets have 0.01 to 0.03, for hundreds of thousands of steps. After a few hundred their running
    statistics are still mostly those they began with, and evaluation sees another network than training.

    Raises:
        ValueError: it is no share.
    """
    if not 0 < momentum <= 1:
        raise ValueError(f"norm_momentum must be in (0, 1], got {momentum}; set network.norm_momentum=0.1")
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = momentum
