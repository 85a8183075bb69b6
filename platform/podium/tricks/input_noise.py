"""Noise on the inputs (Bishop 1995, https://doi.org/10.1162/neco.1995.7.1.108).

    input <- input + deviation * normal noise

Follows the paper.
"""

import torch

from podium.contracts import Batch, Trick


class InputNoise(Trick):
    """Adds normal noise to every training input; a ``deviation`` of 0 is neutral.

    Raises:
        ValueError: ``deviation`` is negative or not finite, or the inputs are not floating-point numbers.
    """

    def __init__(self, *, deviation: float) -> None:
        if not 0 <= deviation < float("inf"):
            raise ValueError(f"deviation must be at least 0 and finite, got {deviation}; 0 switches it off")
        self.deviation = deviation

    def edit_batch(self, batch: Batch) -> Batch:
        """The batch with noise on its inputs."""
        if not batch.input.is_floating_point():
            raise ValueError(
                f"inputs must be floating-point numbers, got {batch.input.dtype}; leave this trick out"
            )
        if self.deviation == 0:
            return batch
        return Batch(batch.input + self.deviation * torch.randn_like(batch.input), batch.target)
