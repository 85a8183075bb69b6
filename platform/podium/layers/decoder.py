"""A recurrent decoder that is told what was written so far, with or without attention.

Attention looks at what an encoder gave at every step (Luong, Pham and Manning 2015, Effective approaches to attention-based
neural machine translation, https://arxiv.org/abs/1508.04025, global attention with the general score):

    a_t(s) = softmax over s of h_t W_a m_s;   c_t = sum over s of a_t(s) m_s;   h~_t = tanh(W_c [c_t; h_t])

Differs from the paper: h~_t is not an input of the next step, so that all steps of a known sequence are computed at once.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from podium.layers.recurrent import CellName, State, make_layer


class Memory(NamedTuple):
    """What a decoder begins with: the state of each of its layers; and what attention looks at, with where that is."""

    states: tuple[State, ...]
    steps: Float[Tensor, "batch source width"] | None
    there: Bool[Tensor, "batch source"] | None  # null: everywhere

    def times(self, count: int) -> "Memory":
        """The same with so many copies of each example, side by side."""
        return Memory(
            tuple(tuple(part.repeat_interleave(count, 1) for part in state) for state in self.states),
            None if self.steps is None else self.steps.repeat_interleave(count, 0),
            None if self.there is None else self.there.repeat_interleave(count, 0),
        )


class Attention(nn.Module):
    """Global attention with the general score, and the layer that joins what it found with the decoder's values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, width, bias=False)
        self.join = nn.Linear(2 * width, width, bias=False)
        self.activation = nn.Tanh()

    def forward(
        self,
        hidden: Float[Tensor, "batch time width"],
        steps: Float[Tensor, "batch source width"],
        there: Bool[Tensor, "batch source"] | None,
    ) -> Float[Tensor, "batch time width"]:
        """The attentional values of every step; nothing is found where there is no source."""
        scores = hidden @ self.score(steps).transpose(1, 2)
        if there is not None:
            scores = scores.masked_fill(~there[:, None], float("-inf"))
        found = scores.softmax(2) @ steps
        joined: Tensor = self.activation(self.join(torch.cat([found, hidden], dim=2)))
        return joined


class Decoder(nn.Module):
    """An embedding of symbols and layers of so many cells each. Dropout is behind the embedding and every layer."""

    def __init__(
        self,
        *,
        num_classes: int,
        cell: CellName,
        embedding: int,
        widths: Sequence[int],
        attention: bool,
        dropout: float,
        forget_bias: float | None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes, embedding)
        self.layers = nn.ModuleList(
            make_layer(cell, *sizes, bidirectional=False, truncate=None, forget_bias=forget_bias)
            for sizes in pairwise([embedding, *widths])
        )
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in range(len(widths) + 1))
        self.attention = Attention(widths[-1]) if attention else None

    def forward(
        self, symbols: Int[Tensor, "batch time"], states: Sequence[State], memory: Memory
    ) -> tuple[Float[Tensor, "batch time width"], tuple[State, ...]]:
        """The values behind each of these symbols, and the states at their end."""
        first, *others = self.dropouts
        sequence, after = first(self.embedding(symbols)), []
        for layer, state, drop in zip(self.layers, states, others, strict=True):
            sequence, last = layer(sequence, None, state)
            sequence = drop(sequence)
            after.append(last)
        if self.attention is not None:
            sequence = self.attention(sequence, memory.steps, memory.there)
        return sequence, tuple(after)
