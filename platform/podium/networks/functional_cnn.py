"""The lectures' example of the functional interface: two pairs of 3x3 convolutions, one with a skip.

conv-conv-pool-conv-conv-pool-dense-output with same padding; 129,130 parameters for 28x28x1 images, with
the skip connection or without it, because adding has no parameters. The skip is the identity shortcut of He
et al. 2015, https://arxiv.org/abs/1512.03385. Differs from the paper: the sum comes after the pair's last
activation.
"""

from collections import OrderedDict
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import check_positive, image_shape
from podium.layers.stages import Named, stage


class FunctionalCNN(nn.Module):
    """Two pairs of convolutions with ``filters`` maps, pooling after each, one dense layer of ``width``.

    Raises:
        ValueError: a size is not positive, or the samples are no images of at least 4x4.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        filters: int,
        width: int,
        activation: ActivationName,
        skip: bool,
    ) -> None:
        super().__init__()
        check_positive("filters", [filters], remedy="set network.filters=32")
        check_positive("width", [width], remedy="set network.width=64")
        channels, height, breadth = image_shape(
            in_shape, network="functional_cnn", at_least=4, remedy="use a dense network or larger images"
        )
        self.skip = skip
        self.pair1 = _pair(channels, filters, activation)
        self.pool1 = nn.MaxPool2d(2)
        self.pair2 = _pair(filters, filters, activation)
        self.pool2 = nn.MaxPool2d(2)
        dense = stage(
            "dense",
            nn.Linear(filters * (height // 4) * (breadth // 4), width),
            activation=activation,
            norm="none",
        )
        self.hidden = nn.Sequential(OrderedDict([("flatten", nn.Flatten()), *dense]))
        self.output = nn.Linear(width, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.pool1(self.pair1(input))
        x = x + self.pair2(x) if self.skip else self.pair2(x)
        logits: Tensor = self.output(self.hidden(self.pool2(x)))
        return logits


def _pair(channels: int, filters: int, activation: ActivationName) -> nn.Sequential:
    modules: Named = []
    for k, fan_in in enumerate((channels, filters), start=1):
        conv = nn.Conv2d(fan_in, filters, kernel_size=3, padding="same")
        modules += stage(f"conv{k}", conv, activation=activation, norm="none")
    return nn.Sequential(OrderedDict(modules))
