"""Cutout (DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552).

    input <- 0 inside a square around a pixel that is drawn uniformly for each image, cut off at the edges

Differs from the paper: the square's side is a share of the image's shorter side instead of pixels: the paper's 16 pixels of
CIFAR-10 are 0.5 of 32. As in the paper 0 is the mean where inputs are standardised, and black where they are not.
"""

from podium.contracts import Batch, Trick
from podium.tricks.draws import boxes_around_pixels, image_size, spread


class Cutout(Trick):
    """Blanks a square of ``side`` times the shorter side in every training image; 0 is neutral.

    Raises:
        ValueError: ``side`` is outside [0, 1] or below a pixel, or the inputs are no images.
    """

    def __init__(self, *, side: float) -> None:
        if not 0 <= side <= 1:
            raise ValueError(f"side must be in [0, 1], got {side}; 0 switches it off")
        self.side = side

    def edit_batch(self, batch: Batch) -> Batch:
        """The batch with a blank square in each image."""
        size = image_size(batch)
        if self.side == 0:
            return batch
        extent = round(self.side * min(size))
        if extent == 0:
            raise ValueError(
                f"side must be at least a pixel of {min(size)}, got {self.side}; set tricks.cutout.side=0.5"
            )
        inside = boxes_around_pixels(len(batch.input), image=size, box=(extent, extent))
        return Batch(batch.input.masked_fill(spread(inside, batch.input), 0), batch.target)
