"""A table of embeddings that initialisers fill."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Table(nn.Embedding):
    """A row of numbers for each symbol from 1 on; 0, the unknown one, has zeros and learns nothing.

    To an initialiser both its fans are the width of a row: products of rows sum so many values, as the units of a linear
    layer do. The usual fan of a layer on symbols, the one input that is not zero, would make them large and slow to learn.
    ``nn.Embedding`` itself is left as torch made it.
    """

    def forward(self, input: Int[Tensor, " *batch"]) -> Float[Tensor, "*batch width"]:
        """The rows of these symbols."""
        rows: Tensor = super().forward(input)
        return torch.where((input > 0)[..., None], rows, 0.0)
