"""A convolutional encoder and a recurrent decoder that says in words what is in a picture.

Show and tell: a neural image caption generator (Vinyals, Toshev, Bengio and Erhan 2015, https://arxiv.org/abs/1411.4555).

Differs from the paper: a small convolutional network, trained together with the decoder, in place of GoogLeNet; the
decoder's layers begin with a state made of what it has seen, where the paper shows it as a first symbol.
"""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.decoder import Decoder, Memory
from podium.layers.recurrent import CellName
from podium.layers.shapes import check_dropout, check_positive, image_shape
from podium.layers.writer import Writer


class Captioner(Writer):
    """Normalised convolutions that halve the sides of a picture, a linear layer, and layers of so many cells that write.

    ``filters`` of each convolution; ``longest``: words to write at most, with the end. ``forget_bias``: as in
    ``networks/recurrent.py``. Dropout is behind what was seen, the embedding and every layer.

    Raises:
        ValueError: a size is not positive, dropout is outside [0, 1), or the samples are no images or too small.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        filters: Sequence[int],
        cell: CellName,
        embedding: int,
        widths: Sequence[int],
        longest: int,
        dropout: float,
        forget_bias: float | None,
    ) -> None:
        super().__init__(longest)
        check_positive("filters", filters or [0], remedy="set network.filters=[16,32,64]")
        check_positive("embedding", [embedding], remedy="set network.embedding=32")
        check_positive("widths", widths or [0], remedy="set network.widths=[128]")
        check_dropout(dropout)
        channels, height, width = image_shape(
            in_shape, network="captioner", at_least=2 ** len(filters), remedy="use larger images"
        )
        self.encoder = nn.Sequential()
        for fan_in, fan_out in pairwise([channels, *filters]):
            self.encoder.append(nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1, bias=False))
            self.encoder.append(
                nn.BatchNorm2d(fan_out)
            )  # or what pictures share drives the states to 1 and -1
            self.encoder.append(nn.ReLU())
            height, width = (height + 1) // 2, (width + 1) // 2
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        memories = 2 if cell == "lstm" else 1
        self.begin = nn.Linear(filters[-1] * height * width, memories * sum(widths), bias=False)
        self.norm = nn.BatchNorm1d(
            memories * sum(widths)
        )  # or what all pictures share drives states to 1 and -1
        self.activation = nn.Tanh()
        self.sizes = [(memories, size) for size in widths]
        self.decoder = Decoder(
            num_classes=num_classes,
            cell=cell,
            embedding=embedding,
            widths=widths,
            attention=False,
            dropout=dropout,
            forget_bias=forget_bias,
        )
        self.output = nn.Linear(widths[-1], num_classes)

    def read(self, input: Float[Tensor, "batch channels height width"]) -> Memory:
        """The states that the layers of the decoder begin with."""
        seen = self.dropout(self.flatten(self.encoder(input)))
        begin = self.activation(self.norm(self.begin(seen)))
        parts = begin.split([memories * size for memories, size in self.sizes], dim=1)
        states = (
            tuple(state[None].contiguous() for state in part.chunk(memories, dim=1))
            for part, (memories, _) in zip(parts, self.sizes, strict=True)
        )
        return Memory(tuple(states), None, None)
