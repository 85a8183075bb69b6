"""AutoAugment (Cubuk, Zoph, Mane, Vasudevan and Le 2018, https://arxiv.org/abs/1805.09501).

    one sub-policy, uniform among the policy's; its operations in turn, each with its own probability at its own level

A policy is a list of sub-policies, these are lists of [operation, probability, level], levels from 0 to 9. Follows the
paper in the form of torchvision. Every image has a sub-policy of its own.
"""

import torch
from torch import Tensor

from podium.augment.draws import check_p
from podium.augment.operations import COMMON, PAPER, Fill, apply_each
from podium.augment.warp import FillMode, Interpolation
from podium.contracts import Augmentation

OPERATIONS = (*COMMON, "invert")
LEVELS = 10
SubPolicy = list[list[str | float]]


class AutoAugment(Augmentation):
    """Applies one sub-policy of a learned policy to each image; an empty policy is neutral.

    Raises:
        ValueError: an operation, probability or level that is none, or sub-policies of different lengths.
    """

    moves = True
    bounded = True

    def __init__(
        self, *, policy: list[SubPolicy], interpolation: Interpolation, fill_mode: FillMode, cval: float
    ) -> None:
        for sub_policy in policy:
            for operation in sub_policy:
                _check(operation)
            if len(sub_policy) != len(policy[0]):
                raise ValueError(
                    f"policy must have as many operations in each sub-policy, got {len(sub_policy)} and "
                    f"{len(policy[0])}; add [identity, 0, 0]"
                )
        self.fill = Fill(interpolation=interpolation, fill_mode=fill_mode, cval=cval)
        self.empty = not policy
        # (sub-policies, operations) each: numbers, probabilities, levels
        self.number = torch.tensor([[OPERATIONS.index(str(o[0])) for o in sub] for sub in policy])
        self.p = torch.tensor([[float(o[1]) for o in sub] for sub in policy])
        self.level = torch.tensor([[float(o[2]) / (LEVELS - 1) for o in sub] for sub in policy])

    def __call__(self, input: Tensor) -> Tensor:
        """The images after their sub-policies."""
        if self.empty:
            return input
        count = len(input)
        sub = torch.randint(len(self.number), (count,))
        for step in range(self.number.shape[1]):
            happens = torch.rand(count) < self.p[sub, step]
            chosen = torch.where(happens, self.number[sub, step], -1)
            level = self.level[sub, step] * (2.0 * torch.randint(2, (count,)) - 1)
            input = apply_each(input, OPERATIONS, chosen, level, PAPER, self.fill)
        return input


def _check(operation: list[str | float]) -> None:
    if len(operation) != 3 or operation[0] not in OPERATIONS:
        raise ValueError(
            f"policy must hold [operation, probability, level], operations {', '.join(OPERATIONS)}, got {operation}; "
            "see conf/augment"
        )
    check_p("a probability of policy", float(operation[1]))
    if not 0 <= float(operation[2]) <= LEVELS - 1:
        raise ValueError(
            f"a level of policy must be from 0 to {LEVELS - 1}, got {operation[2]}; see conf/augment"
        )
