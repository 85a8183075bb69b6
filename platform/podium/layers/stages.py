"""A weight layer with its activation, and batch normalisation before or after that activation.

Batch normalisation: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167, who put it before the
activation.
"""

from typing import Literal

from torch import nn

from podium.layers.activations import ActivationName, make_activation

NormPlace = Literal["none", "before", "after"]
Named = list[tuple[str, nn.Module]]
WeightLayer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


def stage(name: str, layer: WeightLayer, *, activation: ActivationName, norm: NormPlace) -> Named:
    """The layer, its normalisation and its activation in the order they run, with their names."""
    activated = (f"{name}_activation", make_activation(activation))
    if norm == "none":
        return [(name, layer), activated]
    normalized = (f"{name}_norm", batch_norm(layer))
    return [(name, layer), *((normalized, activated) if norm == "before" else (activated, normalized))]


def batch_norm(layer: WeightLayer) -> nn.Module:
    """Batch normalisation that fits a layer's output."""
    match layer:
        case nn.Linear():
            return nn.BatchNorm1d(layer.out_features)
        case nn.Conv1d():
            return nn.BatchNorm1d(layer.out_channels)
        case nn.Conv2d():
            return nn.BatchNorm2d(layer.out_channels)
        case nn.Conv3d():
            return nn.BatchNorm3d(layer.out_channels)
