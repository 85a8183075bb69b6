"""Mirrored images, as in the classic image generator (Chollet and others 2015, https://keras.io/api/data_loading/image/).

    column -> width - 1 - column with probability horizontal_p,   row -> height - 1 - row with probability vertical_p

Follows Keras, whose horizontal_flip and vertical_flip are probabilities of a half.
"""

import torch
from torch import Tensor

from podium.augment.draws import chances, check_p, per_image
from podium.contracts import Augmentation


class Flip(Augmentation):
    """Mirrors each image left to right and upside down, each with its own probability; 0 is neutral.

    Raises:
        ValueError: a probability is none.
    """

    moves = True

    def __init__(self, *, horizontal_p: float, vertical_p: float) -> None:
        check_p("horizontal_p", horizontal_p)
        check_p("vertical_p", vertical_p)
        self.horizontal_p = horizontal_p
        self.vertical_p = vertical_p

    def __call__(self, input: Tensor) -> Tensor:
        """The images, some of them mirrored."""
        for p, axis in ((self.horizontal_p, -1), (self.vertical_p, -2)):
            if p > 0:
                input = torch.where(per_image(chances(p, like=input)), input.flip(axis), input)
        return input
