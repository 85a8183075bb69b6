"""Recurrent layers: the plain cell (Elman 1990, https://doi.org/10.1207/s15516709cog1402_1), the long short-term memory
(Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate of Gers, Schmidhuber and
Cummins 2000) and the gated recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

    rnn    h_t = tanh(W x_t + U h_(t-1) + b)
    lstm   f, i, o = sigmoid(W x_t + U h_(t-1) + b), each with its own;  C~ = tanh(W_C x_t + U_C h_(t-1) + b_C)
           C_t = f C_(t-1) + i C~;  h_t = o tanh(C_t)
    gru    z, r = sigmoid(W x_t + U h_(t-1) + b), each with its own;  h' = tanh(W_h x_t + U_h (r h_(t-1)) + b_h)
           h_t = z h_(t-1) + (1 - z) h'

Differs from the papers: torch's layers do the work, which keep two biases whose sum is b, and in the gru put the reset
gate behind the product with its bias, h' = tanh(W_h x_t + b_h + r (U_h h_(t-1) + c_h)); ``reset_after=False`` is the
equation above, step by step, which is slower.
"""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

CellName = Literal["rnn", "lstm", "gru", "gru_reset_first"]
State = tuple[Tensor, ...]  # h, or h and C, each (directions, batch, hidden)


class SameMask(_DropoutNd):
    """A mask that drops the same features of an example in every step of its sequence."""

    def forward(self, like: Float[Tensor, "batch features"]) -> Float[Tensor, "batch features"]:
        """Zeros and 1 / (1 - p) in training, ones in evaluation."""
        return F.dropout(torch.ones_like(like), self.p, self.training)


class RecurrentLayer(nn.RNNBase):
    """One layer of cells along sequences (batch, time, features), in one direction or in both.

    ``truncate`` cuts the gradient every so many steps: backpropagation through time is then truncated, what is computed
    is the same. ``input_mask`` and ``recurrent_mask`` are where tricks put a ``SameMask``.

    Raises:
        ValueError: a truncation below one step, or of a layer that runs in both directions.
    """

    gates: tuple[str, ...] = ("",)  # their names, in torch's order
    squashed: tuple[type[nn.Module], ...] = (nn.Tanh,)
    starts: tuple[float, ...] = (0.0,)  # of their biases
    memories = 1  # tensors of a state
    input_mask: SameMask | None
    recurrent_mask: SameMask | None

    def __init__(self, fan_in: int, hidden: int, *, bidirectional: bool, truncate: int | None) -> None:
        if truncate is not None and (truncate < 1 or bidirectional):
            raise ValueError(
                f"truncate must be null, or at least 1 and of one direction, got {truncate}; set network.truncate=null"
            )
        # The next in line is no RNNBase, but torch's layer of the cell, which says its mode itself.
        super().__init__(fan_in, hidden, batch_first=True, bidirectional=bidirectional)  # type: ignore[arg-type, call-arg]
        self.truncate = truncate
        self.directions = 2 if bidirectional else 1
        self.register_module("input_mask", None)
        self.register_module("recurrent_mask", None)

    def forward(
        self,
        input: Float[Tensor, "batch time features"],
        lengths: Int[Tensor, " batch"] | None = None,
        state: State | None = None,
    ) -> tuple[Float[Tensor, "batch time outputs"], State]:
        """The hidden values of every step, zero behind the end of a sequence, and the state at its end.

        The direction that runs backwards begins at the end, and its state is that of the first step.
        """
        if self.input_mask is not None:
            input = input * self.input_mask(input[:, 0])[:, None]
        if self.walks(padded=lengths is not None):
            return self._walk(input, lengths, state)
        if lengths is not None:
            return self._packed(input, lengths, state)
        parts: list[Tensor] = []
        for chunk in torch.split(input, self.truncate or input.shape[1], dim=1):
            if parts and state is not None:
                state = tuple(part.detach() for part in state)
            output, state = self._run(chunk, state)
            parts.append(output)
        assert state is not None
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0], state

    def walks(self, *, padded: bool) -> bool:
        """Whether the steps are taken one by one, and not by torch's layer: what that cannot do."""
        masked = self.recurrent_mask is not None and self.training and self.recurrent_mask.p > 0
        return masked or (padded and self.truncate is not None)

    def step(
        self, given: Tensor, state: State, recurrent: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> State:
        """The next state, from W x_t + b, the last state, U with its bias, and a mask of what U sees."""
        raise NotImplementedError

    def directed(self, direction: int) -> list[Tensor]:
        """The weights of a direction: W, U, and their biases."""
        suffix = "_reverse" if direction else ""
        return [
            getattr(self, f"{kind}_l0{suffix}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]

    @torch.no_grad()
    def start_biases(self) -> None:
        """Let biases begin with another value than 0 where the layer has one, whatever the initialiser."""
        for direction in range(self.directions):
            bias = self.directed(direction)[2]
            for part, start in zip(bias.chunk(len(self.gates)), self.starts, strict=True):
                if start:
                    part.fill_(start)

    def matrices(self) -> Iterator[tuple[str, nn.Linear, nn.Module]]:
        """W and U of every gate by name, as linear layers on the same memory, with the activation behind them."""
        for direction in range(self.directions):
            weights = self.directed(direction)
            for kind, weight, bias in zip(("input", "recurrent"), weights[:2], weights[2:], strict=True):
                parts = [tensor.detach().chunk(len(self.gates)) for tensor in (weight, bias)]
                for gate, rows, offsets, squash in zip(self.gates, *parts, self.squashed, strict=True):
                    name = "_".join(word for word in (kind, gate, "reverse" if direction else "") if word)
                    yield name, _Matrix(rows, offsets), squash()

    def _run(self, input: Any, state: State | None) -> tuple[Any, State]:
        """Torch's layer, which takes and gives a pair for lstm and else a tensor."""
        first = state[0] if state is not None and len(state) == 1 else state
        output, last = super().forward(input, first)
        return output, last if isinstance(last, tuple) else (last,)

    def _packed(self, input: Tensor, lengths: Tensor, state: State | None) -> tuple[Tensor, State]:
        packed = pack_padded_sequence(input, lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, state = self._run(packed, state)
        return pad_packed_sequence(output, batch_first=True, total_length=input.shape[1])[0], state

    def _walk(self, input: Tensor, lengths: Tensor | None, state: State | None) -> tuple[Tensor, State]:
        """Every direction step by step."""
        begin = state or tuple(
            input.new_zeros(self.directions, len(input), self.hidden_size) for _ in range(self.memories)
        )
        outputs, ends = [], []
        for direction in range(self.directions):
            output, end = self._walk_one(direction, input, lengths, tuple(part[direction] for part in begin))
            outputs.append(output)
            ends.append(end)
        last = tuple(torch.stack(parts) for parts in zip(*ends, strict=True))
        return torch.cat(outputs, dim=2), last

    def _walk_one(
        self, direction: int, input: Tensor, lengths: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        weight, recurrent, bias, other_bias = self.directed(direction)
        given = F.linear(input, weight, bias)
        mask = None if self.recurrent_mask is None else self.recurrent_mask(state[0])
        steps = range(input.shape[1])
        output: list[Tensor] = []
        for t in reversed(steps) if direction else steps:
            if self.truncate is not None and t > 0 and t % self.truncate == 0:
                state = tuple(part.detach() for part in state)
            new = self.step(given[:, t], state, (recurrent, other_bias), mask)
            if lengths is None:
                state = new
                output.append(new[0])
            else:
                inside = (t < lengths)[:, None]
                state = tuple(torch.where(inside, n, old) for n, old in zip(new, state, strict=True))
                output.append(torch.where(inside, new[0], 0.0))
        return torch.stack(output[::-1] if direction else output, dim=1), state


class _Matrix(nn.Linear):
    """A part of a recurrent layer's weights as a linear layer, which shares their memory."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__(weight.shape[1], weight.shape[0], device="meta")
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)


class Rnn(RecurrentLayer, nn.RNN):  # type: ignore[misc]  # its forward also takes lengths
    """Plain cells."""

    def step(
        self, given: Tensor, state: State, recurrent: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> State:
        """tanh of the sum."""
        return (torch.tanh(given + F.linear(_masked(state[0], mask), *recurrent)),)


class Lstm(RecurrentLayer, nn.LSTM):  # type: ignore[misc]  # its forward also takes lengths
    """Cells with a memory. ``forget_bias`` is where the bias of the forget gate begins (Jozefowicz et al. 2015: 1)."""

    gates = ("i", "f", "c", "o")
    squashed = (nn.Sigmoid, nn.Sigmoid, nn.Tanh, nn.Sigmoid)
    memories = 2

    def __init__(
        self, fan_in: int, hidden: int, *, bidirectional: bool, truncate: int | None, forget_bias: float
    ) -> None:
        super().__init__(fan_in, hidden, bidirectional=bidirectional, truncate=truncate)
        self.starts = (0.0, forget_bias, 0.0, 0.0)
        self.start_biases()

    def step(
        self, given: Tensor, state: State, recurrent: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> State:
        """Forget, take in, give out."""
        hidden, memory = state
        i, f, c, o = (given + F.linear(_masked(hidden, mask), *recurrent)).chunk(4, dim=1)
        memory = f.sigmoid() * memory + i.sigmoid() * c.tanh()
        return o.sigmoid() * memory.tanh(), memory


class Gru(RecurrentLayer, nn.GRU):  # type: ignore[misc]  # its forward also takes lengths
    """Gated cells. ``reset_after=False`` puts the reset gate in front of the product, as in the paper."""

    gates = ("r", "z", "h")
    squashed = (nn.Sigmoid, nn.Sigmoid, nn.Tanh)
    starts = (0.0, 0.0, 0.0)

    def __init__(
        self, fan_in: int, hidden: int, *, bidirectional: bool, truncate: int | None, reset_after: bool
    ) -> None:
        super().__init__(fan_in, hidden, bidirectional=bidirectional, truncate=truncate)
        self.reset_after = reset_after

    def walks(self, *, padded: bool) -> bool:
        """Also for the paper's equation."""
        return not self.reset_after or super().walks(padded=padded)

    def step(
        self, given: Tensor, state: State, recurrent: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> State:
        """Between the last values and new ones."""
        (hidden,) = state
        seen, (weight, bias) = _masked(hidden, mask), recurrent
        size = 2 * self.hidden_size
        r, z = (given[:, :size] + F.linear(seen, weight[:size], bias[:size])).sigmoid().chunk(2, dim=1)
        if self.reset_after:
            new = given[:, size:] + r * F.linear(seen, weight[size:], bias[size:])
        else:
            new = given[:, size:] + F.linear(r * seen, weight[size:], bias[size:])
        return (z * hidden + (1 - z) * new.tanh(),)


def make_layer(
    cell: CellName,
    fan_in: int,
    hidden: int,
    *,
    bidirectional: bool,
    truncate: int | None,
    forget_bias: float | None,
) -> RecurrentLayer:
    """A new layer of such cells; gru_reset_first is the gru of the paper.

    Raises:
        ValueError: an lstm without ``forget_bias``, others with one; see ``RecurrentLayer``.
    """
    if (cell == "lstm") is (forget_bias is None):
        wanted = (
            "a number for cell=lstm" if cell == "lstm" else f"null for cell={cell}, which has no forget gate"
        )
        raise ValueError(f"forget_bias must be {wanted}, got {forget_bias}; choose network=lstm for both")
    options: dict[str, Any] = {"bidirectional": bidirectional, "truncate": truncate}
    match cell:
        case "rnn":
            return Rnn(fan_in, hidden, **options)
        case "lstm":
            assert forget_bias is not None
            return Lstm(fan_in, hidden, forget_bias=forget_bias, **options)
        case _:
            return Gru(fan_in, hidden, reset_after=cell == "gru", **options)


def _masked(hidden: Tensor, mask: Tensor | None) -> Tensor:
    return hidden if mask is None else hidden * mask


def measured(
    sequence: Float[Tensor, "batch time features"],
) -> tuple[Float[Tensor, "batch time features"], Int[Tensor, " batch"] | None]:
    """Sequences of values without the NaN that fill them up at their ends, and their lengths; None: nothing is filled up.

    On the meta device there are no values: nothing is.
    """
    if sequence.is_meta:
        return sequence, None
    filling = sequence[..., 0].isnan()
    if not filling.any():
        return sequence, None
    return torch.where(filling[..., None], 0.0, sequence), (~filling).sum(1).clamp(min=1)
