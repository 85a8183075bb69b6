"""The lectures' network for cats and dogs: four blocks of convolution and pooling, and one sigmoid output.

Chollet 2017, Deep learning with Python, section 5.2, on the images of Elson, Douceur, Howell and Saul 2007, Asirra,
https://www.microsoft.com/en-us/research/publication/asirra-a-captcha-that-exploits-interest-aligned-manual-image-categorization/.
With 150x150x3 images: 150x150x32, 75x75x64, 37x37x128, 18x18x128, 9x9x128, 10,368, 512, 256, 1 and 5,681,345
parameters. Differs from the book: padding keeps the maps' size, and there is a dense layer of 256 behind that of 512.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import check_dropout, image_shape, scaled
from podium.layers.stages import Named, NormPlace, stage

_FILTERS, _UNITS = (32, 64, 128, 128), (512, 256)


class CatsVsDogs(nn.Module):
    """One logit a sample, that of class 1: its sigmoid is the probability of a dog.

    ``norm`` places batch normalisation before or after the activation of the convolutions; ``use_bias`` is for these
    convolutions; dropout is in front of the dense layers.

    Raises:
        ValueError: there are not two classes, width is not positive, dropout is outside [0, 1), or the samples are
            no images or too small.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        activation: ActivationName,
        norm: NormPlace,
        use_bias: bool,
        dropout: float,
        width: float,
    ) -> None:
        super().__init__()
        channels, *sides = image_shape(
            in_shape, network="cats_vs_dogs", at_least=16, remedy="use larger images"
        )
        if num_classes != 2:
            raise ValueError(
                "cats_vs_dogs requires 2 classes, which one logit tells apart, "
                f"got {num_classes}; use network=lecture_cnn or a data set of two classes"
            )
        check_dropout(dropout)
        sizes = [channels, *(scaled(count, width) for count in _FILTERS)]
        modules: Named = []
        for k, (fan_in, filters) in enumerate(pairwise(sizes), start=1):
            conv = nn.Conv2d(fan_in, filters, kernel_size=3, padding=1, bias=use_bias)
            modules += stage(f"conv{k}", conv, activation=activation, norm=norm)
            modules.append((f"pool{k}", nn.MaxPool2d(2)))
            sides = [side // 2 for side in sides]
        self.features = nn.Sequential(OrderedDict(modules))
        units = [sizes[-1] * sides[0] * sides[1], *(scaled(count, width) for count in _UNITS)]
        dense: Named = [("flatten", nn.Flatten()), ("dropout", nn.Dropout(dropout))]
        for k, (fan_in, fan_out) in enumerate(pairwise(units), start=1):
            dense += stage(f"dense{k}", nn.Linear(fan_in, fan_out), activation=activation, norm="none")
        self.hidden = nn.Sequential(OrderedDict(dense))
        self.output = nn.Linear(units[-1], 1)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch 1"]:
        """Logits."""
        logits: Tensor = self.output(self.hidden(self.features(input)))
        return logits
