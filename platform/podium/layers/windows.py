"""Long sequences read in overlapping windows, as the code that was published with BERT reads paragraphs (Devlin, Chang, Lee
and Toutanova 2018, https://arxiv.org/abs/1810.04805; ``doc_stride``).

    window k holds the places from k stride on; the last one is the first that reaches the end
    a place is taken from the window whose middle is nearest

Differs from the code: that compares what the windows of a paragraph answer, and so gives every place where an answer may
begin to the window in which it has the most context. Here every place is given, and a sequence of outputs comes back.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

Read = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Windows:
    """Windows of ``length`` places, of which a new one begins every ``stride`` places.

    Raises:
        ValueError: windows without places, or some that leave places out.
    """

    length: int
    stride: int

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.length:
            raise ValueError(
                f"windows must have a length and a stride from 1 to it, got {self.length} and {self.stride}; "
                "set network.windows=[128,64]"
            )

    def read(
        self,
        reader: Read,
        sequence: Float[Tensor, "batch time features"],
        lengths: Int[Tensor, " batch"] | None,
    ) -> Float[Tensor, "batch time outputs"]:
        """What a reader of sequences and their lengths puts out at every place, where it sees one window at a time.

        Null in place of lengths: nothing is filled up. What stands behind the end of a sequence has no meaning.
        """
        time = sequence.shape[1]
        number = 1 + max(0, math.ceil((time - self.length) / self.stride))
        missing = (number - 1) * self.stride + self.length - time
        cut = F.pad(sequence, (0, 0, 0, missing)).unfold(1, self.length, self.stride).transpose(2, 3)
        first = self.stride * torch.arange(number, device=sequence.device)
        ends = first.new_full((len(sequence),), time) if lengths is None else lengths
        there = (first == 0) | (first - self.stride + self.length < ends[:, None])
        if sequence.is_meta:  # there are no values: all windows are there, and whole
            outputs = reader(cut.flatten(0, 1), None)
        else:
            extents = (ends[:, None] - first).clamp(max=self.length)[there]
            outputs = reader(cut[there], None if (extents == self.length).all() else extents)
        place = torch.arange(time, device=sequence.device)
        nearest = self._nearest(place, there.sum(1))
        rows = (there.flatten().cumsum(0) - 1).reshape(there.shape).gather(1, nearest)
        found: Tensor = outputs[rows, (place - self.stride * nearest).clamp(max=self.length - 1)]
        return found

    def _nearest(
        self, place: Int[Tensor, " time"], number: Int[Tensor, " batch"]
    ) -> Int[Tensor, "batch time"]:
        """For every place the window whose middle is nearest, of so many windows."""
        nearest = (2 * place - (self.length - 1) + self.stride) // (2 * self.stride)
        return torch.minimum(nearest.clamp(min=0)[None], number[:, None] - 1)
