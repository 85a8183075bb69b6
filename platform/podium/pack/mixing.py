"""Mixup of all lanes: each mixes its own batch with itself."""

from collections.abc import Sequence

import torch
from torch import Tensor

from podium.contracts import Batch
from podium.pack.home import CPU, drawing_from
from podium.tricks.mixup import Mixup, mix


class Mixing:
    """These tricks, one of each lane, which draw from the stream on the CPU that their run alone would draw from."""

    def __init__(self, tricks: Sequence[Mixup], streams: Sequence[torch.Generator]) -> None:
        self._lanes = list(zip(tricks, streams, strict=True))

    def edit_batch(self, batch: Batch) -> Batch:
        """Of inputs (lanes * batch, ...) and class probabilities (lanes * batch, classes)."""
        count, device = len(batch.input) // len(self._lanes), batch.input.device
        shares, partners = [], []
        for k, (trick, stream) in enumerate(self._lanes):
            with drawing_from(stream, CPU):
                share, partner = trick.draw(count)
            shares.append(share)
            partners.append(partner + k * count)
        whole = torch.tensor(shares).repeat_interleave(count).to(device)
        rows = torch.cat(partners).to(device)
        return Batch(_mixed(batch.input, rows, whole), _mixed(batch.target, rows, whole))

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only."""
        self._lanes = [self._lanes[k] for k in kept]


def _mixed(values: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    return mix(values, partner, share.view(-1, *[1] * (values.ndim - 1)))
