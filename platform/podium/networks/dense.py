"""Fully connected networks: the linear classifier and the multi-layer perceptron.

Rumelhart, Hinton and Williams 1986, Learning representations by back-propagating errors,
https://doi.org/10.1038/323533a0. Differs from the paper: any activation, softmax over classes, and dropout
and batch normalisation where the configuration asks for them.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import check_positive
from podium.layers.stages import Named, NormPlace, batch_norm, stage


class Linear(nn.Module):
    """One linear layer on the flattened sample: softmax regression once it is trained with cross-entropy."""

    def __init__(self, *, in_shape: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.output = nn.Linear(math.prod(in_shape), num_classes)

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.flatten(input))
        return logits


class Dense(nn.Module):
    """Hidden layers of the given widths, and a linear output.

    Each hidden layer runs as linear, normalisation (``norm=before``), activation, normalisation
    (``norm=after``), dropout. ``use_bias`` is for the layers that the normalisation would follow. With
    ``output_too`` the logits are normalised and dropped like hidden values, which is a known mistake, kept
    for comparison.

    Raises:
        ValueError: a width is not positive, dropout is outside [0, 1), or ``output_too`` has nothing to do.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        widths: Sequence[int],
        activation: ActivationName,
        dropout: float,
        norm: NormPlace,
        use_bias: bool,
        output_too: bool,
    ) -> None:
        super().__init__()
        check_positive("widths", widths, remedy="set network.widths=[32]")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}; 0 switches it off")
        if output_too and dropout == 0 and norm == "none":
            raise ValueError(
                "output_too must go with dropout or norm, got neither; set network.output_too=false"
            )
        sizes = [math.prod(in_shape), *widths]
        modules: Named = [("flatten", nn.Flatten())]
        for k, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
            layer = nn.Linear(fan_in, fan_out, bias=use_bias)
            modules += stage(f"dense{k}", layer, activation=activation, norm=norm)
            if dropout > 0:
                modules.append((f"dense{k}_dropout", nn.Dropout(dropout)))
        self.hidden = nn.Sequential(OrderedDict(modules))
        normalized = output_too and norm != "none"
        self.output = nn.Linear(sizes[-1], num_classes, bias=use_bias or not normalized)
        self.output_norm = batch_norm(self.output) if normalized else nn.Identity()
        self.output_dropout = nn.Dropout(dropout) if output_too and dropout > 0 else nn.Identity()

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.hidden(input))
        logits = self.output_dropout(self.output_norm(logits))
        return logits
