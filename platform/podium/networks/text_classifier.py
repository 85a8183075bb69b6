"""A recurrent network that reads words and answers with a class, and a bag of embeddings.

Long short-term memory on word embeddings: Tai, Socher and Manning 2015, section 4.1, https://arxiv.org/abs/1503.00075
(``LSTM`` and ``Bidirectional LSTM`` of their table 2). ``text_bag`` has no recurrent layer and sees the mean of the
embeddings, as Joulin, Grave, Bojanowski and Mikolov 2016, https://arxiv.org/abs/1607.01759.

Differs from the papers: embeddings are learned from random ones, phrases within a sentence are not trained on, and the bag
has neither n-grams nor a hierarchical softmax.
"""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.recurrent import CellName
from podium.layers.recurrent_stack import embedded, make_layers, read_out, through
from podium.layers.shapes import check_dropout, check_positive, symbols_length


class TextClassifier(nn.Module):
    """An embedding of ``num_symbols``, recurrent layers if there are ``widths``, and a linear output.

    ``readout``: what the output sees: the state at the end of the text (of its beginning for the direction that runs
    backwards), or the mean over its places. ``forget_bias``: as in ``networks/recurrent.py``. Dropout is behind the
    embedding and every layer.

    Raises:
        ValueError: a size is not positive, dropout is outside [0, 1), samples are no symbols, or the last state is asked
            for without a layer.
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
        bidirectional: bool,
        readout: Literal["last", "mean"],
        dropout: float,
        forget_bias: float | None,
    ) -> None:
        super().__init__()
        symbols_length(in_shape, network="text_classifier")
        check_positive("num_symbols", [num_symbols], remedy="set data.words.number=10000")
        check_positive("embedding", [embedding], remedy="set network.embedding=64")
        check_positive("widths", widths, remedy="set network.widths=[64]")
        check_dropout(dropout)
        if readout == "last" and not widths:
            raise ValueError(
                "readout must be mean where there are no recurrent layers, got last and widths=[]; set network.widths=[64]"
            )
        self.readout = readout
        self.embedding = nn.Embedding(num_symbols, embedding)
        self.layers = make_layers(
            cell, embedding, widths, bidirectional=bidirectional, truncate=None, forget_bias=forget_bias
        )
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in range(len(widths) + 1))
        values = widths[-1] * (2 if bidirectional else 1) if widths else embedding
        self.output = nn.Linear(values, num_classes)

    def forward(self, input: Float[Tensor, "batch length"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        sequence, lengths = embedded(self.embedding, input)
        *others, last = self.dropouts
        if not self.layers:
            return self._answer(last(read_out(self.readout, sequence, lengths, ())))
        first, *between = others
        sequence, state = through(self.layers, [*between, nn.Identity()], first(sequence), lengths)
        return self._answer(last(read_out(self.readout, sequence, lengths, state)))

    def _answer(self, values: Tensor) -> Tensor:
        logits: Tensor = self.output(values)
        return logits
