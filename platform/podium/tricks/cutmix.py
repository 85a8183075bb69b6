"""CutMix (Yun, Han, Oh, Chun, Choe and Yoo 2019, https://arxiv.org/abs/1905.04899).

    lambda ~ Beta(alpha, alpha), one for each batch;  j = a random permutation of the batch
    a box of height H * sqrt(1 - lambda) and width W * sqrt(1 - lambda) around a uniformly drawn pixel, cut off at the edges
    input <- input[j] inside the box;  target <- k * target + (1 - k) * target[j],  k = the share of pixels outside the box

Follows the paper's appendix A, with the share of the box as it was cut off.
"""

import math

import torch

from podium.contracts import Batch, Trick
from podium.tricks.draws import beta, boxes_around_pixels, image_size, spread


class CutMix(Trick):
    """Pastes a box of one image into another and mixes their targets by area; ``alpha`` 0 is neutral.

    Raises:
        ValueError: ``alpha`` is negative or not finite, or the inputs are no images.
    """

    def __init__(self, *, alpha: float) -> None:
        if not 0 <= alpha < float("inf"):
            raise ValueError(f"alpha must be at least 0 and finite, got {alpha}; 0 switches it off")
        self.alpha = alpha

    def edit_batch(self, batch: Batch) -> Batch:
        """The batch with a box of a permutation of itself."""
        height, width = image_size(batch)
        if self.alpha == 0:
            return batch
        side = math.sqrt(1 - beta(self.alpha))
        partner = torch.randperm(len(batch.input)).to(batch.input.device)
        box = (int(height * side), int(width * side))
        inside = boxes_around_pixels(1, image=(height, width), box=box)
        kept = 1 - float(inside.double().mean())
        return Batch(
            torch.where(spread(inside, batch.input), batch.input[partner], batch.input),
            kept * batch.target + (1 - kept) * batch.target[partner],
        )
