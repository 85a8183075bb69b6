"""A reader of a paragraph that answers a question by a span: the document reader of Chen, Fisch, Weston and Bordes 2017,
Reading Wikipedia to answer open-domain questions, https://arxiv.org/abs/1704.00051.

    f_align(p_i) = sum over j of a_ij E(q_j),  a_ij = softmax over j of relu(W E(p_i)) relu(W E(q_j))
    p_1 ... p_m = recurrent layers on [E(p_i), f_align(p_i), whether the word stands in the question], in both directions
    q = sum over j of b_j q_j,  b_j = softmax over j of w q_j, of recurrent layers on E(q_j)
    first(i) ~ exp(p_i W_first q),  last(i) ~ exp(p_i W_last q)

With ``windows`` the recurrent layers read a long paragraph in overlapping windows, and know nothing outside of theirs. First
and last are still probabilities over all places of the paragraph: windows without the answer are learned from as wrong ones
(Clark and Gardner 2018, Simple and effective multi-paragraph reading comprehension, https://arxiv.org/abs/1710.10723).

Differs from the paper: embeddings are learned from random ones; there are no features of part of speech, entity and
frequency; what stands in the question is looked up in one form of the word, which must be in the vocabulary; the output
sees the highest layer alone, not all side by side. Sizes are smaller.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from podium.layers.recurrent import CellName
from podium.layers.recurrent_stack import filled_to, make_layers, through
from podium.layers.shapes import check_dropout, check_positive, symbols_length
from podium.layers.windows import Windows

UNKNOWN = 0  # the number of all words that the vocabulary lacks: that two of them are the same says nothing


class SpanReader(nn.Module):
    """An embedding of ``num_symbols``, layers for the question, layers for the paragraph, and two scores of every place.

    The paragraph is in the last ``num_classes`` places of a sample, the question before them, both filled up with -1.
    ``forget_bias``: as in ``networks/recurrent.py``. Dropout is behind the embedding and every layer. ``windows`` are their
    length and stride in places, null: the paragraph is read in one piece; it has a default, so that records from before
    there were windows can be run again.

    Raises:
        ValueError: a size is not positive, dropout is outside [0, 1), samples are no symbols, no place is a question's, or
            windows leave places out.
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
        windows: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        length = symbols_length(in_shape, network="span_reader")
        if not 0 < num_classes < length:
            raise ValueError(
                f"span_reader requires sequences of a question and, behind it, num_classes={num_classes} places, got "
                f"{length} places; use data=squad or facts_spans"
            )
        check_positive("num_symbols", [num_symbols], remedy="set data.words.number=10000")
        check_positive("embedding", [embedding], remedy="set network.embedding=64")
        check_positive("widths", widths or [0], remedy="set network.widths=[64]")
        check_dropout(dropout)
        if windows is not None and len(windows) != 2:
            raise ValueError(
                f"windows must be null or a length and a stride, got {windows}; set network.windows=[128,64]"
            )
        self.windows = None if windows is None else Windows(*windows)
        self.parts = [length - num_classes, num_classes]
        self.embedding = nn.Embedding(num_symbols, embedding)
        self.dropout = nn.Dropout(dropout)
        self.align = nn.Linear(embedding, embedding)
        self.activation = nn.ReLU()
        self.layers, self.question_layers = (
            make_layers(cell, fan_in, widths, bidirectional=True, truncate=None, forget_bias=forget_bias)
            for fan_in in (2 * embedding + 1, embedding)
        )
        self.dropouts, self.question_dropouts = (
            nn.ModuleList(nn.Dropout(dropout) for _ in widths) for _ in range(2)
        )
        self.weigh = nn.Linear(2 * widths[-1], 1, bias=False)
        self.output = nn.Linear(2 * widths[-1], 2 * 2 * widths[-1])

    def forward(self, input: Float[Tensor, "batch length"]) -> Float[Tensor, "batch 2 places"]:
        """Logits of every place of the paragraph as the first and as the last one; behind its end they are -inf."""
        question, paragraph = torch.split(input, self.parts, dim=1)
        lengths, extent = filled_to(question), filled_to(paragraph)
        vectors = self.dropout(self.embedding(input.long().clamp(min=0)))
        asked, read = torch.split(vectors, self.parts, dim=1)
        asked_keys, read_keys = torch.split(self.activation(self.align(vectors)), self.parts, dim=1)
        aligned = _within(read_keys @ asked_keys.transpose(1, 2), lengths).softmax(2) @ asked
        same = (paragraph[:, :, None] == question[:, None]) & (paragraph[:, :, None] > UNKNOWN)
        features = torch.cat([read, aligned, same.any(2, keepdim=True).to(read)], dim=2)
        places = (
            self._read(features, extent)
            if self.windows is None
            else self.windows.read(self._read, features, extent)
        )
        words, _ = through(self.question_layers, self.question_dropouts, asked, lengths)
        weights = _within(self.weigh(words).transpose(1, 2), lengths).softmax(2)
        keys = self.output((weights @ words).squeeze(1)).unflatten(1, (2, -1))
        return _within(keys @ places.transpose(1, 2), extent)

    def _read(
        self, sequence: Float[Tensor, "batch time features"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch time outputs"]:
        return through(self.layers, self.dropouts, sequence, lengths)[0]


def _within(
    scores: Float[Tensor, "batch rows length"], lengths: Int[Tensor, " batch"] | None
) -> Float[Tensor, "batch rows length"]:
    """Scores with -inf behind the end of each sequence; null: nothing is filled up."""
    if lengths is None:
        return scores
    behind = torch.arange(scores.shape[2], device=scores.device) >= lengths[:, None]
    return scores.masked_fill(behind[:, None], float("-inf"))
