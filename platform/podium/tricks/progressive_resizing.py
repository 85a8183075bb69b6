"""Progressive resizing (Howard 2018, https://www.fast.ai/posts/2018-04-30-dawnbench-fastai.html).

    in epoch e of E the training images have sizes[floor(e * k / E)] times their height and width, for k sizes

Images are resized with bilinear interpolation and antialiasing. Differs from the paper: learning rate, batch size and
the share that is cropped stay the same at every size, which that entry of the DAWNBench contest changed together.
"""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from podium.contracts import Batch, Trick
from podium.tricks.draws import image_size


class ProgressiveResizing(Trick):
    """Trains on small images first, on each of ``sizes`` for an equal part of the epochs; [1.0] is neutral.

    A size is a share of the images' own, which are what is evaluated.

    Raises:
        ValueError: ``sizes`` is empty or one is outside (0, 1], the inputs are no images, or the network does not take
            images of all sizes.
    """

    def __init__(self, *, sizes: Sequence[float]) -> None:
        if not sizes or not all(0 < size <= 1 for size in sizes):
            raise ValueError(f"sizes must be in (0, 1], got {list(sizes)}; [1.0] switches it off")
        self.sizes = list(sizes)
        self._size = 1.0
        self._tried = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The network has not been tried out yet."""
        self._tried = False

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Find the epoch's size; first of all, try every size on the network."""
        assert trainer.max_epochs is not None
        if not self._tried:
            self._try_sizes(pl_module.get_submodule("network"), batch)
            self._tried = True
        self._size = self.sizes[trainer.current_epoch * len(self.sizes) // trainer.max_epochs]

    def edit_batch(self, batch: Batch) -> Batch:
        """The batch with images of the epoch's size."""
        image_size(batch)
        return Batch(_resized(batch.input, self._size), batch.target)

    @torch.no_grad()
    def _try_sizes(self, network: nn.Module, batch: Batch) -> None:
        image_size(batch)
        modes = [(module, module.training) for module in network.modules()]
        network.eval()
        try:
            for size in sorted(set(self.sizes) - {1.0}):
                _try_size(network, batch.input[:2], size)
        finally:
            for module, training in modes:
                module.training = training


def _try_size(network: nn.Module, input: Tensor, size: float) -> None:
    small = _resized(input, size)
    try:
        network(small)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"the network must take images of other sizes, got {type(network).__name__}, which takes "
            f"{tuple(input.shape[-2:])} and not {tuple(small.shape[-2:])} ({str(error).splitlines()[0]}); "
            "leave this trick out or raise the sizes"
        ) from None


def _resized(input: Tensor, size: float) -> Tensor:
    """Images, or all frames of videos, of this share of their height and width, at least a pixel."""
    if size == 1:
        return input
    height, width = (max(1, round(size * side)) for side in input.shape[-2:])
    frames = input if input.ndim == 4 else input.flatten(1, -3)
    small = F.interpolate(frames.float(), (height, width), mode="bilinear", antialias=True)
    return small.to(input.dtype).view(*input.shape[:-2], height, width)
