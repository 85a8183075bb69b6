"""A convolutional network on each frame of a video, and a recurrent one over what it sees.

Donahue et al. 2015, Long-term recurrent convolutional networks for visual recognition and description,
https://arxiv.org/abs/1411.4389, activity recognition.

Differs from the paper: a small convolutional network that is trained along, in place of CaffeNet with published weights, and
one answer for the video: from the state behind the last frame, or, as there, the mean over frames (of logits here, of
probabilities there).
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.recurrent import CellName
from podium.layers.recurrent_stack import make_layers, read_out, through
from podium.layers.shapes import check_dropout, check_positive, scaled, volume_shape
from podium.layers.stages import Named, NormPlace, stage


class VideoRecurrent(nn.Module):
    """Blocks of a 3x3 convolution and 2x2 pooling on every frame, layers of cells over frames, the output.

    ``width`` multiplies ``filters``, ``norm`` is for the convolutions; ``widths`` are cells of the layers over time, and
    ``forget_bias`` is as in ``networks/recurrent.py``. Dropout is in front of the first layer and behind each.

    Raises:
        ValueError: a size is not positive, dropout is outside [0, 1), or the samples are no videos.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        filters: Sequence[int],
        width: float,
        activation: ActivationName,
        norm: NormPlace,
        cell: CellName,
        widths: Sequence[int],
        readout: Literal["last", "mean"],
        dropout: float,
        forget_bias: float | None,
    ) -> None:
        super().__init__()
        check_positive("filters", filters or [0], remedy="set network.filters=[16,32]")
        check_positive("widths", widths or [0], remedy="set network.widths=[64]")
        check_dropout(dropout)
        channels, _, *size = volume_shape(
            in_shape, network="video_recurrent", at_least=1, remedy="use a data set of videos"
        )
        blocks: Named = []
        for k, number in enumerate((scaled(count, width) for count in filters), start=1):
            conv = nn.Conv2d(channels, number, kernel_size=3, padding=1)
            blocks += stage(f"conv{k}", conv, activation=activation, norm=norm)
            blocks.append((f"pool{k}", nn.MaxPool2d(2, ceil_mode=True)))
            channels, size = number, [-(-side // 2) for side in size]
        self.readout = readout
        self.features = nn.Sequential(OrderedDict([*blocks, ("flatten", nn.Flatten())]))
        self.layers = make_layers(
            cell,
            channels * size[0] * size[1],
            widths,
            bidirectional=False,
            truncate=None,
            forget_bias=forget_bias,
        )
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in range(len(widths) + 1))
        self.output = nn.Linear(widths[-1], num_classes)

    def forward(
        self, input: Float[Tensor, "batch channels frames height width"]
    ) -> Float[Tensor, "batch classes"]:
        """Logits."""
        frames = input.transpose(1, 2)
        seen = self.features(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        first, *between, last = self.dropouts
        sequence, state = through(self.layers, [*between, nn.Identity()], first(seen), None)
        logits: Tensor = self.output(last(read_out(self.readout, sequence, None, state)))
        return logits
