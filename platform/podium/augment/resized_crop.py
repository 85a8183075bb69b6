"""Random crops of random scale and shape (Szegedy et al. 2014, https://arxiv.org/abs/1409.4842, section 6).

    area = a * height * width, a ~ U(scale);   width / height = exp(r), r ~ U(log ratio);   place uniform
    the crop is brought back to the image's size, bilinear

Differs from the paper: as in torchvision, sizes that do not fit are drawn again up to ten times, after which
the largest crop of a permitted shape is taken from the middle. Each image has a crop of its own.
"""

import math

import torch
from torch import Tensor

from podium.augment.warp import look_up
from podium.contracts import Augmentation

TRIES = 10


class ResizedCrop(Augmentation):
    """Enlarges a part of each image to the whole; scale [1, 1] with ratio [1, 1] is neutral on square images.

    Raises:
        ValueError: a range is none.
    """

    moves = True

    def __init__(self, *, scale: list[float], ratio: list[float]) -> None:
        for name, (low, high), most in (
            ("scale", _pair("scale", scale), 1.0),
            ("ratio", _pair("ratio", ratio), math.inf),
        ):
            if not 0 < low <= high <= most or high == math.inf:
                limit = "in (0, 1]" if most == 1 else "positive"
                raise ValueError(
                    f"{name} must be two numbers {limit} that rise, got {[low, high]}; see conf/augment"
                )
        self.scale = scale
        self.ratio = ratio

    def __call__(self, input: Tensor) -> Tensor:
        """The enlarged crops."""
        if self.scale == [1, 1] and self.ratio == [1, 1]:
            return input
        height, width = input.shape[-2:]
        top, left, high, wide = (box.to(input.device) for box in self.boxes(len(input), height, width))
        rows = _places(top, high, height)
        columns = _places(left, wide, width)
        shape = (len(input), height, width)
        return look_up(
            input,
            rows[:, :, None].expand(shape),
            columns[:, None, :].expand(shape),
            fill_mode="nearest",
            cval=0.0,
        )

    def boxes(self, count: int, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw crops: top, left, height and width, whole numbers, each (count,)."""
        draws = torch.rand(count, 2, TRIES, dtype=torch.float64)
        place = torch.rand(2, count, dtype=torch.float64)
        size = torch.tensor([height, width], dtype=torch.float64).expand(count, 2)
        return self.fitted(draws, place, size[:, 0], size[:, 1])

    def fitted(
        self, draws: Tensor, place: Tensor, height: Tensor, width: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Crops of images of these sizes (count,) from uniform draws (count, 2, TRIES) and (2, count), all float64."""
        area = (height * width)[:, None] * (self.scale[0] + (self.scale[1] - self.scale[0]) * draws[:, 0])
        low, high = (math.log(side) for side in self.ratio)
        ratio = torch.exp(low + (high - low) * draws[:, 1])
        wide, tall = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (wide > 0) & (wide <= width[:, None]) & (tall > 0) & (tall <= height[:, None])
        first = fits.int().argmax(1, keepdim=True)
        most_wide, most_tall = self._largest(height, width)
        found = fits.any(1)
        wide = torch.where(found, wide.gather(1, first)[:, 0], most_wide)
        tall = torch.where(found, tall.gather(1, first)[:, 0], most_tall)
        top = torch.where(found, (place[0] * (height - tall + 1)).floor(), ((height - tall) / 2).floor())
        left = torch.where(found, (place[1] * (width - wide + 1)).floor(), ((width - wide) / 2).floor())
        return top, left, tall, wide

    def _largest(self, height: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
        """Width and height of the largest crop of a permitted shape."""
        shape = (width / height).clamp(self.ratio[0], self.ratio[1])
        return torch.minimum(width, (height * shape).round()), torch.minimum(height, (width / shape).round())


def _places(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Where the ``size`` pixels of a result lie in a crop, kept within its own pixels, (batch, size)."""
    start, length = start[:, None].float(), length[:, None].float()
    steps = (torch.arange(size, device=start.device) + 0.5) * (length / size) - 0.5
    return start + torch.minimum(steps.clamp(min=0), length - 1)


def _pair(name: str, values: list[float]) -> tuple[float, float]:
    if len(values) != 2:
        raise ValueError(f"{name} must be two numbers, got {values}; see conf/augment/resized_crop.yaml")
    return values[0], values[1]
