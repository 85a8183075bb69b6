"""Random erasing (Zhong, Zheng, Kang, Li and Yang 2017, https://arxiv.org/abs/1708.04896).

    for each image, with probability p, until the box lies within the image (H x W), or 100 times:
    area ~ U(min_area, max_area) * H * W;  r ~ U(min_aspect, 1 / min_aspect);  top ~ U(0, H);  left ~ U(0, W)
    height = sqrt(area * r), width = sqrt(area / r), both rounded;  input <- uniform noise inside the box

Differs from the paper: the noise is between the least and the greatest value of the batch, which for bytes are the paper's
0 and 255, so that it fits standardised inputs too; an image whose box never fitted is left as it is.
"""

import math

import torch
from torch import Tensor

from podium.contracts import Batch, Trick
from podium.tricks.draws import image_size, spread

_TRIES = 100


class RandomErasing(Trick):
    """Replaces a box of an image by noise with probability ``p``; 0 is neutral.

    Areas are shares of the image's, an aspect is height by width.

    Raises:
        ValueError: ``p`` is outside [0, 1], areas or aspect are outside (0, 1] or in the wrong order, or the inputs are
            no images.
    """

    def __init__(self, *, p: float, min_area: float, max_area: float, min_aspect: float) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p must be in [0, 1], got {p}; 0 switches it off")
        if not 0 < min_area <= max_area <= 1:
            raise ValueError(
                f"areas must be in (0, 1] with min_area <= max_area, got {min_area} and {max_area}; the paper's are "
                "0.02 and 0.4"
            )
        if not 0 < min_aspect <= 1:
            raise ValueError(f"min_aspect must be in (0, 1], got {min_aspect}; the paper's is 0.3")
        self.p = p
        self.min_area = min_area
        self.max_area = max_area
        self.min_aspect = min_aspect

    def edit_batch(self, batch: Batch) -> Batch:
        """The batch with noise in a box of some of its images."""
        height, width = image_size(batch)
        if self.p == 0:
            return batch
        inside = torch.zeros(len(batch.input), height, width, dtype=torch.bool)
        for k in (torch.rand(len(batch.input)) < self.p).nonzero()[:, 0].tolist():
            self._mark(inside[k])
        low, high = batch.input.amin(), batch.input.amax()
        noise = low + (high - low) * torch.rand_like(batch.input)
        return Batch(torch.where(spread(inside, batch.input), noise, batch.input), batch.target)

    def _mark(self, image: Tensor) -> None:
        """Mark a drawn box of one image (height, width)."""
        height, width = image.shape
        for _ in range(_TRIES):
            area, aspect, top, left = torch.rand(4, dtype=torch.float64).tolist()
            pixels = (self.min_area + (self.max_area - self.min_area) * area) * height * width
            ratio = self.min_aspect + (1 / self.min_aspect - self.min_aspect) * aspect
            high, wide = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
            first, start = int(top * height), int(left * width)
            if first + high <= height and start + wide <= width:
                image[first : first + high, start : start + wide] = True
                return
