"""Changes of colour by a factor for each image (n,), on images (n, channels, height, width) of 0 to 1.

Definitions are those of torchvision's version 2, which takes one factor for a whole batch.
"""

import torch
from torch import Tensor

from podium.augment.draws import per_image

LUMA = (0.2989, 0.587, 0.114)  # of red, green and blue, ITU-R recommendation 601


def grey(input: Tensor) -> Tensor:
    """The brightness of every pixel, (n, 1, height, width)."""
    if input.shape[1] == 1:
        return input
    weights = torch.tensor(LUMA, device=input.device, dtype=input.dtype)
    return torch.einsum("nchw,c->nhw", input, weights)[:, None]


def brightness(input: Tensor, factor: Tensor) -> Tensor:
    """Every value times the factor."""
    return (input * per_image(factor)).clamp(0, 1)


def contrast(input: Tensor, factor: Tensor) -> Tensor:
    """Away from, or for factors below 1 towards, the mean brightness of the image."""
    return _blend(input, grey(input).mean((1, 2, 3), keepdim=True), factor)


def saturation(input: Tensor, factor: Tensor) -> Tensor:
    """Away from, or for factors below 1 towards, the grey image. Grey images stay."""
    return _blend(input, grey(input), factor) if input.shape[1] == 3 else input


def hue(input: Tensor, turn: Tensor) -> Tensor:
    """Colours turned around the circle of hues, 1 a full turn. Grey images stay.

    Hue h, saturation s and value v (Smith 1978, https://doi.org/10.1145/965139.807361) go back to colours by
    v - v s max(0, min(k, 4 - k, 1)) with k = (n + 6 h) mod 6 and n = 5, 3, 1 for red, green and blue.
    """
    if input.shape[1] == 1:
        return input
    high, low = input.amax(1), input.amin(1)
    spread = high - low
    safe = torch.where(spread == 0, 1.0, spread)
    red, green, blue = input.unbind(1)
    angle = torch.where(
        high == red,
        (green - blue) / safe,
        torch.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    angle = angle + 6 * turn[:, None, None]
    steps = torch.tensor((5.0, 3.0, 1.0), device=input.device, dtype=input.dtype)[:, None, None]
    k = (steps + angle[:, None]).remainder(6)
    return high[:, None] - spread[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)


def _blend(input: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    share = per_image(factor)
    return (share * input + (1 - share) * other).clamp(0, 1)
