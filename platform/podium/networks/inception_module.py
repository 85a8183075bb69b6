"""One Inception module as a network: the smallest that has one.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich 2014, Going deeper with convolutions,
https://arxiv.org/abs/1409.4842, figure 2. Differs from the paper: a single module sees the image, towers are equally wide.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.inception import Units, naive_module, reduced_module
from podium.layers.shapes import image_shape
from podium.layers.stages import NormPlace

_FILTERS = 64


class InceptionModule(nn.Module):
    """The module with 64 filters in every convolution, global average pooling and one linear output.

    With ``reduced``, 1x1 convolutions stand in front of the larger ones and behind the pooling.

    Raises:
        ValueError: the samples are no images, or the width is not positive.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        reduced: bool,
        width: float,
        activation: ActivationName,
        norm: NormPlace,
        use_bias: bool,
    ) -> None:
        super().__init__()
        remedy = "use a dense network or larger images"
        channels, _, _ = image_shape(in_shape, network="inception_module", at_least=1, remedy=remedy)
        units = Units(width=width, activation=activation, norm=norm, use_bias=use_bias, norm_eps=1e-3)
        pair = (_FILTERS, _FILTERS)
        if reduced:
            make = reduced_module(units, one=_FILTERS, three=pair, five=pair, pool=_FILTERS)
        else:
            make = naive_module(units, one=_FILTERS, three=_FILTERS, five=_FILTERS)
        self.inception, features = make(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.output = nn.Linear(features, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.flatten(self.pool(self.inception(input))))
        return logits
