"""Convolutional networks for signals, with the one of MNIST-1D among them.

Greydanus and Kobak 2024 (first 2020), Scaling down deep learning with MNIST-1D, https://arxiv.org/abs/2011.14439.
``mnist1d_cnn`` follows the paper: three convolutions of 25 filters that step by 2, every one padded by 1, and a linear
output; 5,210 parameters for signals of length 40, whose lengths are then 19, 10 and 5. ``conv1d`` differs from the
paper: convolutions keep the length, max-pooling halves it, and a dense layer comes before the output, as the
lectures' network does in two dimensions.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import count, pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import check_dropout, check_positive, signal_shape
from podium.layers.stages import Named, NormPlace, stage

Halving = Literal["pool", "stride"]


class Conv1d(nn.Module):
    """A convolution for each number of filters, dense layers of the given widths, the output.

    ``kernels`` has one length for each convolution; all are padded by 1 on both sides, except those of length 1 and 2.
    ``halving``: max-pooling over pairs behind each convolution, or convolutions that step by 2. ``norm`` is for the
    convolutions. Dropout is in front of the output.

    Raises:
        ValueError: a size is not positive, filters and kernels differ in number, dropout is outside [0, 1), or the
            samples are no signals or too short.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        filters: Sequence[int],
        kernels: Sequence[int],
        halving: Halving,
        widths: Sequence[int],
        activation: ActivationName,
        norm: NormPlace,
        dropout: float,
    ) -> None:
        super().__init__()
        check_positive("filters", filters, remedy="set network.filters=[32,32]")
        check_positive("kernels", kernels, remedy="set network.kernels=[3,3]")
        check_positive("widths", widths, remedy="set network.widths=[64]")
        check_dropout(dropout)
        if len(filters) != len(kernels):
            raise ValueError(
                f"kernels must be one for each of the {len(filters)} filters, got {list(kernels)}; "
                f"set network.kernels={[3] * len(filters)}"
            )
        channels, length = signal_shape(
            in_shape,
            network=f"conv1d with kernels={list(kernels)}",
            at_least=next(least for least in count(1) if _length(least, kernels, halving) > 0),
            remedy="use shorter network.kernels, fewer of them, or longer signals",
        )
        self.features = _features([channels, *filters], kernels, halving, activation, norm)
        sizes = [[channels, *filters][-1] * _length(length, kernels, halving), *widths]
        dense: Named = [("flatten", nn.Flatten())]
        for k, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
            dense += stage(f"dense{k}", nn.Linear(fan_in, fan_out), activation=activation, norm="none")
        self.hidden = nn.Sequential(OrderedDict(dense))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(sizes[-1], num_classes)

    def forward(self, input: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.dropout(self.hidden(self.features(input))))
        return logits


def _features(
    filters: Sequence[int],
    kernels: Sequence[int],
    halving: Halving,
    activation: ActivationName,
    norm: NormPlace,
) -> nn.Sequential:
    blocks: Named = []
    step = 2 if halving == "stride" else 1
    for k, ((fan_in, number), kernel) in enumerate(zip(pairwise(filters), kernels, strict=True), start=1):
        conv = nn.Conv1d(fan_in, number, kernel_size=kernel, stride=step, padding=_padding(kernel))
        blocks += stage(f"conv{k}", conv, activation=activation, norm=norm)
        if halving == "pool":
            blocks.append((f"pool{k}", nn.MaxPool1d(2)))
    return nn.Sequential(OrderedDict(blocks))


def _length(length: int, kernels: Sequence[int], halving: Halving) -> int:
    """What the convolutions leave of a length; 0: too short."""
    for kernel in kernels:
        slid = length + 2 * _padding(kernel) - kernel + 1
        if slid < 1:
            return 0
        length = (slid + 1) // 2 if halving == "stride" else slid // 2
    return length


def _padding(kernel: int) -> int:
    return min(1, (kernel - 1) // 2)
