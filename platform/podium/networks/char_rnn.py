"""A recurrent language model of characters: Karpathy 2015, The unreasonable effectiveness of recurrent neural networks,
https://karpathy.github.io/2015/05/21/rnn-effectiveness/; tied embeddings: Press and Wolf 2017,
https://arxiv.org/abs/1608.05859.

Differs from the article: characters are embedded in place of one-hot, and every window of text begins with an empty state.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.recurrent import CellName
from podium.layers.recurrent_stack import make_layers, through
from podium.layers.shapes import check_dropout, check_positive, symbols_length


class CharRnn(nn.Module):
    """An embedding of symbols, layers of so many cells each, and for every place the logits of the symbol that follows.

    ``tied``: the output has the embedding's weights, so that the last width must be the embedding's size. ``truncate``,
    ``forget_bias``: as in ``networks/recurrent.py``. Dropout is behind the embedding and every layer.

    Raises:
        ValueError: a size is not positive or does not fit, dropout is outside [0, 1), or samples are no symbols.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        cell: CellName,
        embedding: int,
        widths: Sequence[int],
        tied: bool,
        truncate: int | None,
        dropout: float,
        forget_bias: float | None,
    ) -> None:
        super().__init__()
        symbols_length(in_shape, network="char_rnn")
        check_positive("embedding", [embedding], remedy="set network.embedding=64")
        check_positive("widths", widths or [0], remedy="set network.widths=[256]")
        check_dropout(dropout)
        if tied and widths[-1] != embedding:
            raise ValueError(
                f"embedding must be the last width where both are tied, got {embedding} and {list(widths)}; "
                f"set network.embedding={widths[-1]}"
            )
        self.embedding = nn.Embedding(num_classes, embedding)
        self.layers = make_layers(
            cell, embedding, widths, bidirectional=False, truncate=truncate, forget_bias=forget_bias
        )
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in range(len(widths) + 1))
        self.output = nn.Linear(widths[-1], num_classes)
        if tied:
            self.output.weight = self.embedding.weight

    def forward(self, input: Float[Tensor, "batch length"]) -> Float[Tensor, "batch classes length"]:
        """Logits of what follows each symbol; those behind the end of a sequence mean nothing."""
        first, *others = self.dropouts
        sequence = first(self.embedding(input.long().clamp(min=0)))
        logits: Tensor = self.output(through(self.layers, others, sequence, None)[0])
        return logits.transpose(1, 2)
