"""S-cells and C-cells of a neocognitron (Fukushima 1980, Neocognitron: a self-organizing neural network model for a
mechanism of pattern recognition unaffected by shift in position, https://doi.org/10.1007/BF00344251).

S-cells of a plane look for one feature, each in an area of its own:

    u_S = r max(0, (1 + sum a u) / (1 + 2r/(1+r) b v) - 1)        v = sqrt(sum c u^2)

C-cells pool the S-cells of one plane, in a competition with the same area of all planes:

    u_C = psi((1 + e) / (1 + mean of e over planes) - 1)          e = sum d u_S

u are the cells below, a and b are learnt, c and d are fixed and fall from the middle of an area outwards; psi(x) is
max(0, x) / (alpha + max(0, x)). v is the V-cell, by whose shunting inhibition an S-cell answers by how like its area is to
what it learnt, and not by how bright.

Differs from the paper: that c and d fall, and that c has a sum of 1, is its own; by how much they fall is chosen here (0.9
and 0.5 to the power of the distance), and d is 1 in the middle. An S-cell begins with faint random weights, where the
paper's lean to a direction each.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

SLOW, FAST = 0.9, 0.5  # by what c and d fall for each cell of distance
FAINT = 1e-3  # of a plane that learnt nothing, so that it wins only where no other answers


class SLayer(nn.Module):
    """Planes of S-cells, each with a square area of ``window`` on every plane below, of which ``margin`` may be outside.

    ``selectivity`` is r: a cell answers where the likeness of its area and of what it learnt is above r / (1 + r).
    """

    nearness: Tensor

    def __init__(self, channels: int, planes: int, *, window: int, margin: int, selectivity: float) -> None:
        super().__init__()
        self.window = window
        self.margin = margin
        self.selectivity = selectivity
        near = nearness(window, window, fall=SLOW)
        self.register_buffer("nearness", (near / (channels * near.sum())).expand(1, channels, -1, -1).clone())
        self.excitatory = nn.Parameter(FAINT * torch.rand(planes, channels, window, window) * self.nearness)
        self.inhibitory = nn.Parameter(torch.zeros(planes))

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch planes rows columns"]:
        """What the cells answer."""
        return self.respond(input, self.excitatory, self.inhibitory)

    def respond(
        self,
        input: Float[Tensor, "batch channels height width"],
        excitatory: Float[Tensor, "planes channels window window"],
        inhibitory: Float[Tensor, " planes"],
    ) -> Float[Tensor, "batch planes rows columns"]:
        """What cells with these weights answer: the formula, without the ones whose difference would lose digits."""
        r = self.selectivity
        efficiency = 2 * r / (1 + r) * inhibitory.clamp(min=0)  # it may divide by nothing below one
        inhibition = efficiency[:, None, None] * self.strength(input)
        excitation = F.conv2d(input, excitatory, padding=self.margin)
        return r * F.relu((excitation - inhibition) / (1 + inhibition))

    def strength(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 1 rows columns"]:
        """v, the answer of the V-cells."""
        return F.conv2d(input.square(), self.nearness, padding=self.margin).sqrt()

    def reinforcement(
        self,
        input: Float[Tensor, "1 channels height width"],
        response: Float[Tensor, "1 planes rows columns"],
    ) -> tuple[Int[Tensor, " some"], Float[Tensor, "some channels window window"], Float[Tensor, " some"]]:
        """The planes that learn from a pattern to which the cells gave this response, and what it adds to their a and b.

        For a speed of 1.
        """
        rows, columns = response.shape[2:]
        column = (min(self.window, rows), min(self.window, columns))
        plane, place = representatives(response[0], column=column)
        areas = F.unfold(input, self.window, padding=self.margin)[0, :, place].T
        seen = areas.reshape(len(plane), *self.excitatory.shape[1:])
        strength = (self.nearness * seen.square()).sum((1, 2, 3)).sqrt()  # v of these areas alone
        return plane, self.nearness * seen, strength / 2


class CLayer(nn.Module):
    """A C-cell for every second S-cell each way, pooling ``window`` by ``window`` of a plane, over the edge where it must.

    Without a window there is one cell for a plane, which pools all of it. ``saturation`` is alpha.
    """

    nearness: Tensor

    def __init__(self, rows: int, columns: int, *, window: int | None, saturation: float) -> None:
        super().__init__()
        self.whole = window is None
        self.window = window or 1
        self.saturation = saturation
        sides = (rows, columns) if window is None else (window, window)
        self.register_buffer("nearness", nearness(*sides, fall=FAST)[None, None])

    def forward(
        self, input: Float[Tensor, "batch planes height width"]
    ) -> Float[Tensor, "batch planes rows columns"]:
        """What the cells answer."""
        batch, planes = input.shape[:2]
        each = input.flatten(0, 1)[:, None]
        if self.whole:
            pooled = F.conv2d(each, self.nearness)
        else:
            pooled = F.conv2d(each, self.nearness, stride=2, padding=self.window - 1)
        excitation = pooled.reshape(batch, planes, *pooled.shape[2:])
        inhibition = excitation.mean(1, keepdim=True)
        more = F.relu((excitation - inhibition) / (1 + inhibition))
        return more / (self.saturation + more)


def nearness(rows: int, columns: int, *, fall: float) -> Float[Tensor, "rows columns"]:
    """What falls from 1 in the middle of an area by a factor for each cell of distance."""
    down = torch.arange(rows) - (rows - 1) / 2
    across = torch.arange(columns) - (columns - 1) / 2
    return fall ** torch.hypot(down[:, None], across)


def representatives(
    response: Float[Tensor, "planes rows columns"], *, column: tuple[int, int]
) -> tuple[Int[Tensor, " some"], Int[Tensor, " some"]]:
    """The planes that learn, and for each the place of the cell that learns for it.

    The largest response of every column, all planes of so many rows and columns, is a candidate; columns overlap. Of the
    candidates of one plane the largest learns. A cell that is silent is none.
    """
    best, plane = response.max(0)
    _, winner = F.max_pool2d(best[None, None], column, stride=1, return_indices=True)
    best, plane = best.flatten(), plane.flatten()
    candidate = torch.zeros_like(best, dtype=torch.bool)
    candidate[winner.flatten()] = True
    planes = torch.arange(len(response), device=response.device)
    strength, place = torch.where(candidate & (plane == planes[:, None]), best, 0).max(1)
    learns = (strength > 0).nonzero().flatten()
    return learns, place[learns]
