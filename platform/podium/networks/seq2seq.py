"""Encoder and decoder: a sequence of symbols is read, and another one is written.

Sequence to sequence learning with neural networks (Sutskever, Vinyals and Le 2014, https://arxiv.org/abs/1409.3215);
learning phrase representations using RNN encoder-decoder (Cho et al. 2014, https://arxiv.org/abs/1406.1078). Attention,
first by Bahdanau, Cho and Bengio 2015 (https://arxiv.org/abs/1409.0473), is that of Luong, Pham and Manning 2015, in
podium/layers/decoder.py.

Differs from the papers: cells, layers and sizes are options, the same for reading and writing; every layer of the decoder
begins with the state that its layer of the encoder ends with.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from podium.layers.decoder import Decoder, Memory
from podium.layers.recurrent import CellName, State, make_layer
from podium.layers.recurrent_stack import filled_to
from podium.layers.shapes import check_dropout, check_positive, symbols_length
from podium.layers.writer import Writer


class Seq2Seq(Writer):
    """Layers of so many cells each that read, layers that write, and the logits of every place.

    ``num_classes``: symbols, of what is read and of what is written. ``reverse``: what is read is turned round, whatever
    its length. ``bidirectional``: half of the cells read backwards. ``attention``: the decoder looks at all steps that
    were read. ``longest``: symbols to write at most, with the end. ``forget_bias``: as in ``networks/recurrent.py``. Dropout
    is behind the embeddings and every layer.

    Raises:
        ValueError: a size is not positive or, of two directions, not even; dropout is outside [0, 1); samples no symbols.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        cell: CellName,
        embedding: int,
        widths: Sequence[int],
        reverse: bool,
        bidirectional: bool,
        attention: bool,
        longest: int,
        dropout: float,
        forget_bias: float | None,
    ) -> None:
        super().__init__(longest)
        symbols_length(in_shape, network="seq2seq")
        check_positive("embedding", [embedding], remedy="set network.embedding=32")
        check_positive("widths", widths or [0], remedy="set network.widths=[128]")
        check_dropout(dropout)
        directions = 2 if bidirectional else 1
        if any(width % directions for width in widths):
            raise ValueError(
                f"widths must be even where half of the cells read backwards, got {list(widths)}; "
                "set network.widths=[128]"
            )
        self.reverse = reverse
        self.embedding = nn.Embedding(num_classes, embedding)
        self.layers = nn.ModuleList(
            make_layer(
                cell,
                fan_in,
                fan_out // directions,
                bidirectional=bidirectional,
                truncate=None,
                forget_bias=forget_bias,
            )
            for fan_in, fan_out in pairwise([embedding, *widths])
        )
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in range(len(widths) + 1))
        self.decoder = Decoder(
            num_classes=num_classes,
            cell=cell,
            embedding=embedding,
            widths=widths,
            attention=attention,
            dropout=dropout,
            forget_bias=forget_bias,
        )
        self.output = nn.Linear(widths[-1], num_classes)

    def read(self, input: Float[Tensor, "batch length"]) -> Memory:
        """The states of the layers at the end of what is read, and the highest layer's values at every step."""
        symbols, lengths = input.long(), filled_to(input)
        if self.reverse:
            symbols = turned_round(symbols, lengths)
        first, *others = self.dropouts
        sequence, states = first(self.embedding(symbols.clamp(min=0))), []
        for layer, drop in zip(self.layers, others, strict=True):
            sequence, state = layer(sequence, lengths)
            sequence = drop(sequence)
            states.append(_side_by_side(state))
        there = None if lengths is None else _places(symbols) < lengths[:, None]
        return Memory(tuple(states), sequence, there)


def turned_round(
    symbols: Int[Tensor, "batch length"], lengths: Int[Tensor, " batch"] | None
) -> Int[Tensor, "batch length"]:
    """Sequences backwards; what fills them up stays at their ends."""
    if lengths is None:
        return symbols.flip(1)
    back = lengths[:, None] - 1 - _places(symbols)
    return torch.where(back >= 0, symbols.gather(1, back.clamp(min=0)), -1)


def _places(symbols: Tensor) -> Tensor:
    return torch.arange(symbols.shape[1], device=symbols.device)[None]


def _side_by_side(state: State) -> State:
    """A state of both directions as one of one direction."""
    return tuple(torch.cat(list(part), dim=1)[None] for part in state)
