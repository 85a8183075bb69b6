"""A recurrent network that gives every word of a sentence a tag, from what stands before and behind it.

Huang, Xu and Yu 2015, Bidirectional LSTM-CRF models for sequence tagging, https://arxiv.org/abs/1508.01991: the network
that they call BI-LSTM.

Differs from the paper: no features of spelling and context, no published embeddings, and no layer of conditional random
fields behind, so that tags are chosen one by one.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.recurrent import CellName
from podium.layers.recurrent_stack import embedded, make_layers, through
from podium.layers.shapes import check_dropout, check_positive, symbols_length


class Tagger(nn.Module):
    """An embedding of ``num_symbols``, layers of so many cells in both directions, and an output at every place.

    ``forget_bias``: as in ``networks/recurrent.py``. Dropout is behind the embedding and every layer.

    Raises:
        ValueError: a size is not positive, dropout is outside [0, 1), or samples are no symbols.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        num_symbols: int,
        embedding: int,
        cell: CellName,
        widths: Sequence[int],
        dropout: float,
        forget_bias: float | None,
    ) -> None:
        super().__init__()
        symbols_length(in_shape, network="tagger")
        check_positive("num_symbols", [num_symbols], remedy="set data.words.number=10000")
        check_positive("embedding", [embedding], remedy="set network.embedding=64")
        check_positive("widths", widths or [0], remedy="set network.widths=[64]")
        check_dropout(dropout)
        self.embedding = nn.Embedding(num_symbols, embedding)
        self.layers = make_layers(
            cell, embedding, widths, bidirectional=True, truncate=None, forget_bias=forget_bias
        )
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in range(len(widths) + 1))
        self.output = nn.Linear(2 * widths[-1], num_classes)

    def forward(self, input: Float[Tensor, "batch length"]) -> Float[Tensor, "batch classes length"]:
        """Logits of every place; those behind the end of a sentence mean nothing."""
        first, *others = self.dropouts
        sequence, lengths = embedded(self.embedding, input)
        logits: Tensor = self.output(through(self.layers, others, first(sequence), lengths)[0])
        return logits.transpose(1, 2)
