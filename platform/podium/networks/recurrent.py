"""Recurrent networks that read a sequence and answer once: plain, long short-term memory, gated recurrent unit.

Elman 1990, https://doi.org/10.1207/s15516709cog1402_1; Hochreiter and Schmidhuber 1997; Cho et al. 2014: the equations are
in podium/layers/recurrent.py. ``mnist1d_gru`` follows Greydanus and Kobak 2020, https://arxiv.org/abs/2011.14439: 6 cells in
both directions, and a linear output that sees them at all of the 40 steps: 5,134 parameters.

Sequences are signals (channels, length), one step after the other. A shorter one is filled up with NaN at its end.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.recurrent import CellName, measured
from podium.layers.recurrent_stack import Readout, make_layers, read_out, through
from podium.layers.shapes import check_dropout, check_positive, signal_shape


class Recurrent(nn.Module):
    """Layers of so many cells each, on top of each other, and a linear output.

    ``cell``: rnn, lstm, gru, or gru_reset_first, the paper's equation. ``forget_bias`` is where the bias of the forget
    gates of an lstm begins; null for the others.

    ``readout``: what the output sees of the highest layer: the state at the end of the sequence (of its beginning for
    the direction that runs backwards), the mean over its steps, or all steps side by side. ``truncate``: steps after
    which the gradient is cut. Dropout is behind every layer.

    Raises:
        ValueError: a size is not positive, dropout is outside [0, 1), a truncation of less than a step or of both
            directions, a forget bias without forget gates, or the samples are no signals.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        cell: CellName,
        widths: Sequence[int],
        bidirectional: bool,
        readout: Readout,
        truncate: int | None,
        dropout: float,
        forget_bias: float | None,
    ) -> None:
        super().__init__()
        check_positive("widths", widths or [0], remedy="set network.widths=[32]")
        check_dropout(dropout)
        channels, length = signal_shape(
            in_shape, network=f"a recurrent network with cell={cell}", at_least=1, remedy="use longer signals"
        )
        self.readout = readout
        self.layers = make_layers(
            cell,
            channels,
            widths,
            bidirectional=bidirectional,
            truncate=truncate,
            forget_bias=forget_bias,
        )
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in widths)
        width = widths[-1] * (2 if bidirectional else 1)
        self.output = nn.Linear(width * (length if readout == "all" else 1), num_classes)

    def forward(self, input: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch outputs"]:
        """Logits, or values."""
        sequence, lengths = measured(input.transpose(1, 2))
        *between, last = self.dropouts
        sequence, state = through(self.layers, [*between, nn.Identity()], sequence, lengths)
        logits: Tensor = self.output(last(read_out(self.readout, sequence, lengths, state)))
        return logits
