"""Residual networks for CIFAR-10 and their plain twins.

He, Zhang, Ren and Sun 2015, Deep residual learning for image recognition, section 4.2,
https://arxiv.org/abs/1512.03385. Follows the paper: 3x3 convolutions in three stages of 16, 32 and 64
filters, batch normalisation before each activation, shortcuts of option A, which have no parameters, global
average pooling. Depths 20, 32, 44, 56 and 110 have 0.27, 0.46, 0.66, 0.85 and 1.7 million parameters.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from podium.layers.activations import ActivationName, make_activation
from podium.layers.shapes import check_positive, image_shape


class CifarResNet(nn.Module):
    """6n + 2 weight layers: one convolution, three stages of n blocks of two, one linear output.

    ``width`` is the filters of the first stage, doubled by each of the next two. Without ``residual`` it is
    the plain twin with the same parameters.

    Raises:
        ValueError: the depth is not 6n + 2, the width is not positive, or the samples are no images.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        depth: int,
        width: int,
        activation: ActivationName,
        residual: bool,
    ) -> None:
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6n + 2, got {depth}; set network.depth to 20, 32, 44, 56 or 110")
        check_positive("width", [width], remedy="set network.width=16")
        channels, _, _ = image_shape(
            in_shape, network="cifar_resnet", at_least=4, remedy="use a dense network or larger images"
        )
        self.conv = nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.activation = make_activation(activation)
        blocks = (depth - 2) // 6
        self.stage1 = _stage(width, width, blocks, activation, residual)
        self.stage2 = _stage(width, 2 * width, blocks, activation, residual)
        self.stage3 = _stage(2 * width, 4 * width, blocks, activation, residual)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.output = nn.Linear(4 * width, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.activation(self.norm(self.conv(input)))
        x = self.stage3(self.stage2(self.stage1(x)))
        logits: Tensor = self.output(self.flatten(self.pool(x)))
        return logits


class Block(nn.Module):
    """Two 3x3 convolutions, and the shortcut around them where the network is residual.

    The first halves the feature map where the number of filters changes.
    """

    def __init__(self, *, fan_in: int, filters: int, activation: ActivationName, residual: bool) -> None:
        super().__init__()
        stride = 1 if fan_in == filters else 2
        self.conv1 = nn.Conv2d(fan_in, filters, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(filters)
        self.activation1 = make_activation(activation)
        self.conv2 = nn.Conv2d(filters, filters, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters)
        same = nn.Identity() if stride == 1 else HalvingShortcut(extra=filters - fan_in)
        self.shortcut = same if residual else None
        self.activation2 = make_activation(activation)

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch filters h2 w2"]:
        """Feature maps."""
        x = self.norm2(self.conv2(self.activation1(self.norm1(self.conv1(input)))))
        if self.shortcut is not None:
            x = x + self.shortcut(input)
        result: Tensor = self.activation2(x)
        return result


class HalvingShortcut(nn.Module):
    """Option A: every second pixel, and ``extra`` channels of zeros behind the others."""

    def __init__(self, *, extra: int) -> None:
        super().__init__()
        self.extra = extra

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch filters h2 w2"]:
        """The input in the shape of the block's output."""
        return F.pad(input[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.extra))


def _stage(
    fan_in: int, filters: int, blocks: int, activation: ActivationName, residual: bool
) -> nn.Sequential:
    fans = [fan_in] + [filters] * (blocks - 1)
    return nn.Sequential(
        *(Block(fan_in=fan, filters=filters, activation=activation, residual=residual) for fan in fans)
    )
