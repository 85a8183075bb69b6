"""Networks that write: a sequence of symbols, one after the other, about what they have read.

In training each step is told the true symbol before it (teacher forcing: Williams and Zipser 1989,
https://doi.org/10.1162/neco.1989.1.2.270), and elsewhere the one that was written. The search with a beam keeps the
likeliest beginnings (Sutskever, Vinyals and Le 2014, https://arxiv.org/abs/1409.3215, section 3.2).

Follows the papers; likelihoods are not divided by lengths.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from podium.layers.decoder import Decoder, Memory
from podium.layers.shapes import check_positive

END, FILLING = 0, -1  # of contracts.Batch, which this room does not know


class Writer(nn.Module, ABC):
    """A network with a ``decoder`` and an ``output``, which writes at most ``longest`` symbols, the end included.

    A subclass says how it reads its input.

    Raises:
        ValueError: nothing may be written.
    """

    decoder: Decoder
    output: nn.Linear

    def __init__(self, longest: int) -> None:
        super().__init__()
        check_positive("longest", [longest], remedy="set network.longest=30")
        self.longest = longest

    @abstractmethod
    def read(self, input: Tensor) -> Memory:
        """What the decoder begins with."""

    def forward(
        self, input: Shaped[Tensor, "batch *sample"], target: Int[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, "batch classes length"]:
        """Logits of every place: those of the target behind its own symbols, or of what is written without it.

        Written is the likeliest symbol of each place; what comes behind the first end means nothing.
        """
        memory = self.read(input)
        if target is None:
            return self._greedy(memory, len(input))
        told = torch.cat([torch.full_like(target[:, :1], END), target[:, :-1].clamp(min=0)], dim=1)
        logits: Tensor = self.output(self.decoder(told, memory.states, memory)[0])
        return logits.transpose(1, 2)

    def _greedy(self, memory: Memory, examples: int) -> Tensor:
        last = torch.full((examples, 1), END, device=memory.states[0][0].device)
        states, logits = memory.states, []
        for _ in range(self.longest):
            values, states = self.decoder(last, states, memory)
            logits.append(self.output(values[:, 0]))
            last = logits[-1].argmax(1, keepdim=True)
        return torch.stack(logits, dim=2)

    @torch.no_grad()
    def search(
        self, input: Shaped[Tensor, "batch *sample"], *, beams: int
    ) -> tuple[Int[Tensor, "batch length"], Float[Tensor, " batch"]]:
        """The likeliest sequence that a beam of so many beginnings finds, with its logarithmic likelihood.

        Up to its end, and filled up with -1. A beam of one writes the likeliest symbol every time.
        """
        memory = self.read(input).times(beams)
        examples, states = len(input), memory.states
        device = states[0][0].device
        score = torch.full((examples, beams), float("-inf"), device=device)
        score[:, 0] = 0.0  # all beginnings are one
        first = torch.arange(examples, device=device)[:, None] * beams
        written = torch.full((examples, beams, 1), END, device=device)
        ended = torch.zeros(examples, beams, dtype=torch.bool, device=device)
        for _ in range(self.longest):
            values, states = self.decoder(written[:, :, -1].reshape(-1, 1), states, memory)
            gain = self.output(values[:, 0]).log_softmax(1).view(examples, beams, -1)
            gain = gain.masked_fill(ended[:, :, None], float("-inf"))
            gain[:, :, END] = gain[:, :, END].masked_fill(ended, 0.0)  # what has ended stays as it is
            score, best = (score[:, :, None] + gain).flatten(1).topk(beams)
            kept, symbol = best // gain.shape[2], best % gain.shape[2]
            rows = (first + kept).flatten()
            states = tuple(tuple(part.index_select(1, rows) for part in state) for state in states)
            chosen = written.view(examples * beams, -1)[rows].view(examples, beams, -1)
            written = torch.cat([chosen, symbol[:, :, None]], dim=2)
            ended = symbol == END
            if ended.all():
                break
        symbols = written[:, 0, 1:]
        filling = symbols.new_full((examples, self.longest - symbols.shape[1]), END)
        return cut(torch.cat([symbols, filling], dim=1)), score[:, 0]


def cut(symbols: Int[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
    """What was written up to the first end of each, and -1 behind it."""
    ends = (symbols == END).long()
    return torch.where(ends.cumsum(1) - ends > 0, FILLING, symbols)
