"""What several tricks draw, from torch's global generator on the CPU: checkpoints keep its state, so that a resumed run
draws as an uninterrupted one, on any device. And the images that they need to draw a place in."""

import torch
from torch import Tensor

from podium.contracts import Batch


def beta(alpha: float) -> float:
    """One draw from Beta(alpha, alpha) = G / (G + G') with Gamma variables, in logarithms.

    torch.distributions.Beta underflows below alpha of about 1e-3 and then returns 0.5 in place of 0 or 1,
    which would mix most where the paper mixes least. log G(alpha) = log G(alpha + 1) + log(U) / alpha
    (Marsaglia and Tsang 2000).
    """
    shape = torch.full((2,), alpha + 1, dtype=torch.float64)
    gamma = torch.distributions.Gamma(shape, torch.ones_like(shape), validate_args=False).sample()
    logs = gamma.log() + torch.rand(2, dtype=torch.float64).log() / alpha
    return float(torch.sigmoid(logs[0] - logs[1]))


def boxes_around_pixels(count: int, *, image: tuple[int, int], box: tuple[int, int]) -> Tensor:
    """Whether each pixel lies in its image's box, (count, height, width), for boxes around uniformly drawn pixels.

    A box covers ``box`` (height, width) pixels from half of that (rounded down) before its centre on, without what
    lies beyond the image's edge.
    """
    inside = []
    for length, extent in zip(image, box, strict=True):
        first = torch.randint(length, (count, 1)) - extent // 2
        place = torch.arange(length)
        inside.append((place >= first) & (place < first + extent))
    return inside[0][:, :, None] & inside[1][:, None, :]


def image_size(batch: Batch) -> tuple[int, int]:
    """Height and width of a batch of images.

    Raises:
        ValueError: the inputs are no images.
    """
    if batch.input.ndim < 4 or not batch.input.is_floating_point():
        raise ValueError(
            f"inputs must be images (batch, channels, height, width) of floating-point numbers, got "
            f"{tuple(batch.input.shape)} of {batch.input.dtype}; leave this trick out"
        )
    return batch.input.shape[-2], batch.input.shape[-1]


def spread(inside: Tensor, input: Tensor) -> Tensor:
    """A mask (batch, height, width) for the channels (and frames) of inputs, where they are."""
    middle = (1,) * (input.ndim - 3)
    return inside.view(len(inside), *middle, *inside.shape[1:]).to(input.device)
