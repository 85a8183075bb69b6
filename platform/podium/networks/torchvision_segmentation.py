"""Segmentation networks of torchvision by name: FCN, DeepLabV3, LR-ASPP.

Long, Shelhamer and Darrell 2014, https://arxiv.org/abs/1411.4038; Chen, Papandreou, Schroff and Adam 2017,
https://arxiv.org/abs/1706.05587; Howard et al. 2019, https://arxiv.org/abs/1905.02244. Differs from the papers as
torchvision's networks do: backbones without a published stride of 8 and 16 are dilated, and logits are interpolated
bilinearly. Nothing is downloaded: weights start as the initializer draws them.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from podium.contracts import Auxiliary
from podium.layers.published import Normalize, set_norm_momentum
from podium.layers.shapes import image_shape


class TorchvisionSegmentation(nn.Module):
    """One logit a class for every pixel, from torchvision's segmentation network of that ``name``.

    ``image_size`` is the longer side of a picture inside the network, null for as it comes: these networks see one
    position in eight or sixteen, so that small pictures are better enlarged. Pictures, of 0 to 1, are normalised by
    ``image_mean`` and ``image_std`` of red, green and blue; grey ones are shown as three equal channels. With
    ``auxiliary`` a second head on an inner layer helps in training, with ``auxiliary_weight``. ``norm_momentum`` is the
    share of a batch in running statistics.

    Raises:
        ValueError: there is no network of that name, or it has no auxiliary head, or the samples are no images.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        name: str,
        image_size: int | None,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        auxiliary: bool,
        auxiliary_weight: float,
        norm_momentum: float,
    ) -> None:
        super().__init__()
        image_shape(in_shape, network="torchvision_segmentation", at_least=1, remedy="use larger images")
        if image_size is not None and image_size < 1:
            raise ValueError(
                f"image_size must be positive or null, got {image_size}; set network.image_size=256"
            )
        self.name = name
        self.image_size = image_size
        self.auxiliary_weight = auxiliary_weight
        self.normalize = Normalize(mean=image_mean, std=image_std)
        self.network = _make(name, num_classes, auxiliary)
        set_norm_momentum(self.network, norm_momentum)

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes height width"] | Auxiliary:
        """Logits of every pixel, and those of the auxiliary head in training."""
        size = input.shape[-2:]
        x = self.normalize(input)
        if self.image_size is not None:
            x = F.interpolate(x, scale_factor=self.image_size / max(size), mode="bilinear")
        features = self.network.backbone(x)
        main = features.get("out", features)  # LR-ASPP looks at two layers
        logits = _resized(self.network.classifier(main), size)
        head = getattr(self.network, "aux_classifier", None)
        if self.training and head is not None:
            return Auxiliary(logits, (_resized(head(features["aux"]), size),), self.auxiliary_weight)
        return logits

    def torchvision_name(self) -> str | None:
        """Its name there."""
        return self.name

    def torchvision_modules(self) -> dict[str, str]:
        """Every module of it, and its path there."""
        return {f"network.{path}": path for path, _ in self.network.named_modules() if path}


def _resized(logits: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)


def _make(name: str, num_classes: int, auxiliary: bool) -> Any:
    from torchvision import models  # late: seconds, and only for its own networks

    known = models.list_models(module=models.segmentation)
    if name not in known:
        raise ValueError(
            f"name must be one of {', '.join(known)}, got {name}; set network.name=lraspp_mobilenet_v3_large"
        )
    if name.startswith("lraspp") and auxiliary:
        raise ValueError(
            f"auxiliary must be false for {name}, which has no such head; set network.auxiliary=false"
        )
    options = {} if name.startswith("lraspp") else {"aux_loss": auxiliary}
    return models.get_model(name, weights=None, weights_backbone=None, num_classes=num_classes, **options)
