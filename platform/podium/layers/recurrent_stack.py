"""Recurrent layers on top of each other, in front of them an embedding, behind them what an output sees."""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from podium.layers.recurrent import CellName, State, make_layer

Readout = Literal["last", "mean", "all"]


def make_layers(
    cell: CellName,
    fan_in: int,
    widths: Sequence[int],
    *,
    bidirectional: bool,
    truncate: int | None,
    forget_bias: float | None,
) -> nn.ModuleList:
    """Layers of so many cells each; in both directions, each gives twice as many values.

    Raises:
        ValueError: as ``make_layer`` says.
    """
    directions = 2 if bidirectional else 1
    sizes = [fan_in, *(directions * width for width in widths)]
    return nn.ModuleList(
        make_layer(cell, size, width, bidirectional=bidirectional, truncate=truncate, forget_bias=forget_bias)
        for size, width in zip(sizes, widths, strict=False)
    )


def through(
    layers: Iterable[nn.Module],
    dropouts: Iterable[nn.Module],
    sequence: Float[Tensor, "batch time features"],
    lengths: Int[Tensor, " batch"] | None,
) -> tuple[Float[Tensor, "batch time outputs"], State]:
    """What the highest layer gives at every step, and its state at the end; a dropout is behind each layer."""
    state: State = ()
    for layer, drop in zip(layers, dropouts, strict=True):
        sequence, state = layer(sequence, lengths)
        sequence = drop(sequence)
    return sequence, state


def read_out(
    readout: Readout,
    sequence: Float[Tensor, "batch time features"],
    lengths: Int[Tensor, " batch"] | None,
    state: State,
) -> Float[Tensor, "batch values"]:
    """The last state, the mean over the steps of a sequence, which is zero behind its end, or all steps side by side."""
    match readout:
        case "last":
            return torch.cat(list(state[0]), dim=1)
        case "mean":
            return sequence.mean(1) if lengths is None else sequence.sum(1) / lengths[:, None]
        case "all":
            return sequence.flatten(1)


def embedded(
    embedding: nn.Embedding, input: Float[Tensor, "batch length"]
) -> tuple[Float[Tensor, "batch length features"], Int[Tensor, " batch"] | None]:
    """Symbols as vectors, zero where there is none, and the lengths of sequences; None: nothing is filled up.

    On the meta device there are no values: nothing is.
    """
    sequence: Tensor = embedding(input.long().clamp(min=0))
    if input.is_meta or not (filling := input < 0).any():
        return sequence, None
    return sequence.masked_fill(filling[..., None], 0.0), (~filling).sum(1).clamp(min=1)


def filled_to(input: Float[Tensor, "batch length"]) -> Int[Tensor, " batch"] | None:
    """The lengths of sequences of symbols, at least 1; null where nothing is filled up, and on the meta device."""
    if input.is_meta or not (input < 0).any():
        return None
    return (input >= 0).sum(1).clamp(min=1)
