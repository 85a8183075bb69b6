"""What residual networks share: shortcuts, and the block around which one leads.

He, Zhang, Ren and Sun 2015, Deep residual learning for image recognition, https://arxiv.org/abs/1512.03385. Follows the
paper: shortcuts of option A pad with zeros and have no parameters, those of option B project where the size of the maps
changes, those of option C project everywhere; without shortcuts the network is plain.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from podium.layers.activations import ActivationName, make_activation
from podium.layers.merge import Residual
from podium.layers.stages import NormPlace
from podium.layers.unit import ConvUnit

ShortcutName = Literal["none", "A", "B", "C"]


class Conv(NamedTuple):
    """One convolution of a block; it is padded so that only the stride makes maps smaller."""

    filters: int
    kernel_size: int
    stride: int = 1
    groups: int = 1


@dataclass(frozen=True, kw_only=True)
class BlockStyle:
    """What all blocks of one network have in common."""

    shortcut: ShortcutName
    activation: ActivationName
    norm: NormPlace
    use_bias: bool


class ResidualBlock(nn.Module):
    """Convolutions in a row, the shortcut around them, and the activation of the sum.

    ``norm=before``: each convolution (projections too) is normalised, as in the paper. ``norm=after``: each activation
    is, that of the sum too; a projection has no activation and is normalised itself. The parameters are equally many.
    """

    def __init__(self, fan_in: int, convs: Sequence[Conv], *, style: BlockStyle) -> None:
        super().__init__()
        filters, stride = convs[-1].filters, prod(conv.stride for conv in convs)
        # In front of the branch, for an initialiser takes the next activation for that of a layer.
        self.shortcut = make_shortcut(fan_in, filters, stride=stride, style=style)
        self.merge = None if self.shortcut is None else Residual()
        fans = [fan_in, *(conv.filters for conv in convs)]
        units = [
            _unit(fan, conv, style, last=k == len(convs))
            for k, (fan, conv) in enumerate(zip(fans, convs, strict=False), start=1)
        ]
        self.branch = nn.Sequential(OrderedDict((f"unit{k}", unit) for k, unit in enumerate(units, start=1)))
        last: list[tuple[str, nn.Module]] = [("activation", make_activation(style.activation))]
        if style.norm == "after":
            last.append(("norm", nn.BatchNorm2d(filters)))
        self.last = nn.Sequential(OrderedDict(last))

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch filters h2 w2"]:
        """Feature maps."""
        x = self.branch(input)
        if self.shortcut is not None and self.merge is not None:
            x = self.merge(x, self.shortcut(input))
        result: Tensor = self.last(x)
        return result


def make_stage(
    fan_in: int, blocks: int, *, stride: int, convs: Callable[[int], Sequence[Conv]], style: BlockStyle
) -> nn.Sequential:
    """Residual blocks one after the other; ``convs`` gives those of a block by its stride, which only the first has."""
    stage = nn.Sequential()
    for block in range(blocks):
        made = convs(stride if block == 0 else 1)
        stage.append(ResidualBlock(fan_in, made, style=style))
        fan_in = made[-1].filters
    return stage


def basic_block(filters: int, stride: int) -> list[Conv]:
    """The convolutions of the block of two 3x3 layers."""
    return [Conv(filters, 3, stride), Conv(filters, 3)]


class PaddedShortcut(nn.Module):
    """Option A: every ``stride``-th pixel, and ``extra`` channels of zeros behind the others."""

    def __init__(self, *, stride: int, extra: int) -> None:
        super().__init__()
        self.stride = stride
        self.extra = extra

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch filters h2 w2"]:
        """The input in the shape of the block's output."""
        return F.pad(input[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


def make_shortcut(fan_in: int, filters: int, *, stride: int, style: BlockStyle) -> nn.Module | None:
    """A new shortcut from ``fan_in`` channels to ``filters``; None where the network is plain."""
    if style.shortcut == "none":
        return None
    if style.shortcut != "C" and stride == 1 and fan_in == filters:
        return nn.Identity()
    if style.shortcut == "A":
        return PaddedShortcut(stride=stride, extra=filters - fan_in)
    norm: NormPlace = "none" if style.norm == "none" else "before"
    return ConvUnit(
        fan_in, filters, activation=None, norm=norm, use_bias=style.use_bias, kernel_size=1, stride=stride
    )


def _unit(fan_in: int, conv: Conv, style: BlockStyle, *, last: bool) -> ConvUnit:
    return ConvUnit(
        fan_in,
        conv.filters,
        activation=None if last else style.activation,
        norm="none" if last and style.norm == "after" else style.norm,
        use_bias=style.use_bias,
        kernel_size=conv.kernel_size,
        stride=conv.stride,
        padding=conv.kernel_size // 2,
        groups=conv.groups,
    )
