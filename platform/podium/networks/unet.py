"""U-Net: a contracting path, an expanding path, and shortcuts between layers of one size.

Ronneberger, Fischer and Brox 2015, https://arxiv.org/abs/1505.04597. Differs from the paper: convolutions are padded, so
that every pixel gets a class and nothing is cropped, and batch normalisation is an option. 23 convolutions as in the paper,
31,030,658 parameters for one channel and two classes.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from podium.layers.activations import ActivationName
from podium.layers.merge import Concatenate
from podium.layers.shapes import check_positive, image_shape
from podium.layers.stages import NormPlace
from podium.layers.unit import ConvUnit

FIRST = 64  # filters of the first stage in the paper
BOTH = 2  # convolutions of a stage


class UNet(nn.Module):
    """One logit a class for every pixel. ``depth`` halvings, each with twice the filters, and as many doublings.

    ``width`` multiplies the paper's 64 filters of the first stage. ``dropout`` is at the end of the contracting path.

    Raises:
        ValueError: a size that is not positive, or images too small to be halved that often.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        depth: int,
        width: float,
        activation: ActivationName,
        norm: NormPlace,
        use_bias: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        check_positive("depth", [depth], remedy="set network.depth=4")
        if not width > 0:
            raise ValueError(f"width must be positive, got {width}; set network.width=1.0")
        remedy = "use larger images or set network.depth=1"
        channels, _, _ = image_shape(in_shape, network="unet", at_least=2**depth, remedy=remedy)
        filters = [max(1, round(FIRST * width)) * 2**k for k in range(depth + 1)]

        def stage(fan_in: int, fan_out: int) -> nn.Sequential:
            fans = (fan_in, fan_out)
            return nn.Sequential(
                *(
                    ConvUnit(
                        fan,
                        fan_out,
                        activation=activation,
                        norm=norm,
                        use_bias=use_bias,
                        kernel_size=3,
                        padding=1,
                    )
                    for fan in fans
                )
            )

        self.down = nn.ModuleList(
            stage(a, b) for a, b in zip([channels, *filters[:-2]], filters[:-1], strict=True)
        )
        self.pools = nn.ModuleList(nn.MaxPool2d(2) for _ in range(depth))
        self.bottom = stage(filters[-2], filters[-1])
        self.dropout = nn.Dropout(dropout)
        self.up = nn.ModuleList(
            Rise(filters[k + 1], filters[k], stage(2 * filters[k], filters[k]))
            for k in reversed(range(depth))
        )
        self.output = nn.Conv2d(filters[0], num_classes, kernel_size=1)

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes height width"]:
        """Logits of every pixel."""
        x, skipped = input, []
        for stage, pool in zip(self.down, self.pools, strict=True):
            x = stage(x)
            skipped.append(x)
            x = pool(x)
        x = self.dropout(self.bottom(x))
        for rise, skip in zip(self.up, reversed(skipped), strict=True):
            x = rise(x, skip)
        logits: Tensor = self.output(x)
        return logits


class Rise(nn.Module):
    """Doubles a feature map, puts it behind the one of its size from the contracting path, and mixes both."""

    def __init__(self, fan_in: int, filters: int, stage: nn.Module) -> None:
        super().__init__()
        self.rise = nn.ConvTranspose2d(fan_in, filters, kernel_size=2, stride=2)
        self.merge = Concatenate()
        self.stage = stage

    def forward(
        self, input: Float[Tensor, "batch fan_in h w"], skip: Float[Tensor, "batch filters h2 w2"]
    ) -> Float[Tensor, "batch filters h2 w2"]:
        """Feature maps; where halving lost a last row or column, it is filled with zeros."""
        x = self.rise(input)
        height, width = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        mixed: Tensor = self.stage(self.merge(skip, F.pad(x, (0, width, 0, height))))
        return mixed
