"""Detection networks of torchvision by name: Faster R-CNN, RetinaNet, FCOS, SSD, SSDlite.

Ren, He, Girshick and Sun 2015, https://arxiv.org/abs/1506.01497; Lin, Goyal, Girshick, He and Dollár 2017,
https://arxiv.org/abs/1708.02002; Tian, Shen, Chen and He 2019, https://arxiv.org/abs/1904.01355; Liu et al. 2015,
https://arxiv.org/abs/1512.02325; Sandler et al. 2018, https://arxiv.org/abs/1801.04381. Differs from the papers as
torchvision's networks do, and in that nothing is downloaded and nothing frozen: batch normalisation learns.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from podium.layers.published import Normalize, set_norm_momentum
from podium.layers.shapes import image_shape

Losses = dict[str, Tensor]
BACKGROUND = 1  # torchvision keeps class 0 for it
LEAST_SIZE = {"ssd300_vgg16": 268}  # its last convolutions are not padded


class TorchvisionDetection(nn.Module):
    """Boxes of objects, from torchvision's detection network of that ``name``.

    ``image_size`` is the longer side of a picture inside the network (SSD makes it a square). Pictures, of 0 to 1, are
    normalised by ``image_mean`` and ``image_std`` of red, green and blue; grey ones are shown as three equal channels.
    In evaluation boxes of a score below ``least_score`` are left out, and then all but the best ``most_detections``.
    ``norm_momentum`` is the share of a batch in running statistics.

    Raises:
        ValueError: there is no network of that name, a value is out of its range, or the samples are no images.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        name: str,
        image_size: int,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        least_score: float,
        most_detections: int,
        norm_momentum: float,
    ) -> None:
        super().__init__()
        image_shape(in_shape, network="torchvision_detection", at_least=1, remedy="use larger images")
        for key, value in (("image_size", image_size), ("most_detections", most_detections)):
            if value < 1:
                raise ValueError(f"{key} must be positive, got {value}; set network.{key}=100")
        if image_size < (least := LEAST_SIZE.get(name, 1)):
            raise ValueError(
                f"{name} needs an image_size of {least} or more, got {image_size}; set network.image_size=300"
            )
        if not 0 <= least_score < 1:
            raise ValueError(
                f"least_score must be in [0, 1), got {least_score}; set network.least_score=0.01"
            )
        self.name = name
        self.most_detections = most_detections
        self.normalize = Normalize(mean=image_mean, std=image_std)
        self.network = _make(name, num_classes + BACKGROUND)
        set_norm_momentum(self.network, norm_momentum)
        self.network.transform = _resizing(self.network.transform, image_size)
        judge = getattr(self.network, "roi_heads", self.network)  # two stages: the second one gives scores
        judge.score_thresh, judge.detections_per_img = least_score, most_detections

    def forward(
        self,
        input: Float[Tensor, "batch channels height width"],
        target: Float[Tensor, "batch objects 5"] | None = None,
    ) -> Float[Tensor, "batch detections 6"] | Losses:
        """For targets (class, x1, y1, x2, y2) the losses by name, else what was detected.

        Detections are class, score, x1, y1, x2, y2, the best first, filled up with rows of -1. Losses can be had in
        evaluation too: normalisation is then that of evaluation, and what is drawn at random always the same.
        """
        pictures = list(self.normalize(input))
        if target is None:
            return torch.stack([self._rows(found) for found in self.network(pictures)])
        truth = [_truth(rows) for rows in target]
        with nullcontext() if self.training else _judging(self.network, input.device):
            losses: Losses = self.network(pictures, truth)
        return losses

    def _rows(self, found: dict[str, Tensor]) -> Tensor:
        """The detections of one picture, the best first. One-stage networks can name the background: not ours."""
        columns = (found["labels"][:, None] - BACKGROUND, found["scores"][:, None], found["boxes"])
        rows = torch.cat(columns, dim=1)[found["labels"] >= BACKGROUND]
        rows = rows[rows[:, 1].argsort(descending=True, stable=True)[: self.most_detections]]
        return nn.functional.pad(rows, (0, 0, 0, self.most_detections - len(rows)), value=-1.0)

    def torchvision_name(self) -> str | None:
        """Its name there."""
        return self.name

    def torchvision_modules(self) -> dict[str, str]:
        """Every module of it, and its path there."""
        return {f"network.{path}": path for path, _ in self.network.named_modules() if path}


@contextmanager
def _judging(network: nn.Module, device: torch.device) -> Iterator[None]:
    """A network in evaluation that gives losses: torchvision's gives them in training mode alone."""
    kept = [module for module in network.modules() if not isinstance(module, _BatchNorm | _DropoutNd)]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):  # Faster R-CNN learns from a random part of its proposals
        torch.manual_seed(0)
        for module in kept:
            module.training = True
        try:
            yield
        finally:
            network.eval()


def _truth(rows: Tensor) -> dict[str, Tensor]:
    """One picture's objects as torchvision wants them."""
    there = rows[rows[:, 0] >= 0]
    return {"labels": there[:, 0].long() + BACKGROUND, "boxes": there[:, 1:]}


def _make(name: str, num_classes: int) -> Any:
    from torchvision import models  # late: seconds, and only for its own networks

    # Mask and keypoint networks need more than boxes to learn from.
    every = models.list_models(module=models.detection)
    known = [each for each in every if not each.startswith(("maskrcnn", "keypointrcnn"))]
    if name not in known:
        raise ValueError(
            f"name must be one of {', '.join(known)}, got {name}; set network.name=ssdlite320_mobilenet_v3_large"
        )
    return models.get_model(name, weights=None, weights_backbone=None, num_classes=num_classes)


def _resizing(theirs: Any, image_size: int) -> nn.Module:
    """What is in front of a network, its own way with our size; pictures are normalised before that."""
    from torchvision.models.detection.transform import GeneralizedRCNNTransform

    square = (image_size, image_size) if theirs.fixed_size is not None else None
    zeros, ones = [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]
    made: nn.Module = GeneralizedRCNNTransform(
        image_size, image_size, zeros, ones, size_divisible=theirs.size_divisible, fixed_size=square
    )
    return made
