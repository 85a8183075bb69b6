"""LeNet-5.

LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition,
http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.

The 400 values in front of the dense layers are 16 maps of 5x5. An image of 32x32 makes them
(32-28-14-10-5), and so does one of 28x28 with two pixels of padding on each side, as the paper laid its
28x28 digits into 32x32; without the padding 28x28 would leave 16 maps of 4x4, 256 values.

Differs from the paper: pooling has no weights, every map of the second convolution sees all six maps before
it, the output is linear for a softmax in place of radial basis functions, and tanh is not scaled. So 61,706
parameters and not 60,000 and the fixed output.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName, make_activation
from podium.layers.shapes import image_shape
from podium.layers.stages import Named, stage

_SIDE = 32


class LeNet5(nn.Module):
    """conv 6@5x5, pool, conv 16@5x5, pool, 120, 84, classes.

    The layer of 120 is linear (``third=linear``, the usual 28x28 form: 400-120-84-10), or a 5x5 convolution
    (``third=conv``, the paper's: conv-pool-conv-pool-conv-fc), which is the same for 32x32 images.

    Raises:
        ValueError: the samples are no images of at least 28x28.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        activation: ActivationName,
        pool: Literal["max", "average"],
        third: Literal["linear", "conv"],
    ) -> None:
        super().__init__()
        channels, height, width = image_shape(
            in_shape,
            network="lenet5",
            at_least=28,
            remedy="use network=lecture_cnn, or a data set of 28x28 such as data=mnist5k",
        )
        make_pool = nn.MaxPool2d if pool == "max" else nn.AvgPool2d
        modules: Named = [("pad", nn.ZeroPad2d((*_margins(width), *_margins(height))))]
        modules += stage("conv1", nn.Conv2d(channels, 6, kernel_size=5), activation=activation, norm="none")
        modules.append(("pool1", make_pool(2)))
        modules += stage("conv2", nn.Conv2d(6, 16, kernel_size=5), activation=activation, norm="none")
        modules.append(("pool2", make_pool(2)))
        rows, columns = (((max(length, _SIDE) - 4) // 2 - 4) // 2 for length in (height, width))
        if third == "conv":
            modules += stage("conv3", nn.Conv2d(16, 120, kernel_size=5), activation=activation, norm="none")
            dense: Named = [("flatten", nn.Flatten())]
            fan_in = 120 * (rows - 4) * (columns - 4)
        else:
            dense = [("flatten", nn.Flatten())]
            dense += stage("dense1", nn.Linear(16 * rows * columns, 120), activation=activation, norm="none")
            fan_in = 120
        dense += [("dense2", nn.Linear(fan_in, 84)), ("dense2_activation", make_activation(activation))]
        self.features = nn.Sequential(OrderedDict(modules))
        self.hidden = nn.Sequential(OrderedDict(dense))
        self.output = nn.Linear(84, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.hidden(self.features(input)))
        return logits


def _margins(length: int) -> tuple[int, int]:
    """Zeros in front and behind that make a side of 28 to 31 pixels 32 long."""
    missing = max(0, _SIDE - length)
    return missing // 2, missing - missing // 2
