"""Draws for augmentations: one for each example, from torch's global generator on the CPU, then moved to the images."""

import torch
from torch import Tensor


def uniform(low: float, high: float, *, like: Tensor) -> Tensor:
    """Numbers between ``low`` and ``high``, one for each image of ``like``, (batch,)."""
    return (low + (high - low) * torch.rand(len(like))).to(like.device)


def chances(p: float, *, like: Tensor) -> Tensor:
    """Whether something of probability ``p`` happens, for each image of ``like``, (batch,)."""
    return (torch.rand(len(like)) < p).to(like.device)


def whole(count: int, *, like: Tensor) -> Tensor:
    """Whole numbers from 0 to ``count`` - 1, one for each image of ``like``, (batch,)."""
    return torch.randint(count, (len(like),)).to(like.device)


def per_image(numbers: Tensor) -> Tensor:
    """Numbers (batch,) in the form that broadcasts against images, (batch, 1, 1, 1)."""
    return numbers[:, None, None, None]


def check_p(name: str, p: float) -> None:
    """Check a probability.

    Raises:
        ValueError: it is none.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {p}; 0 switches it off")


def check_range(name: str, value: float, *, most: float = float("inf")) -> None:
    """Check the half width of a range.

    Raises:
        ValueError: it is negative, too large or not finite.
    """
    if not (0 <= value <= most and value < float("inf")):
        limit = "at least 0 and finite" if most == float("inf") else f"from 0 to {most:g}"
        raise ValueError(f"{name} must be {limit}, got {value}; 0 switches it off")
