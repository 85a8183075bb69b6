"""The epochs of a pack: batches, journals, validation, schedules, and lanes that leave."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from podium.pack.home import chosen
from podium.pack.lane import Lane
from podium.pack.program import Program
from podium.run.engine import plain_memory
from podium.run.interrupts import Interrupts
from podium.run.recorder import divergence


class Ends(Protocol):
    """What becomes of lanes. Each is told of once."""

    def point(self, lane: Lane, step: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Note the values of some metrics of a lane."""

    def diverged(self, lane: Lane, reason: str) -> None:
        """A lane's loss was not finite."""

    def finished(self, lane: Lane, state: Mapping[str, Tensor]) -> None:
        """A lane came to its end, or was stopped early, with these weights."""

    def rung(self, epochs: int) -> Collection[int]:
        """So many epochs are over: the places of the lanes that go no further, though they are not at their end."""


class Loop:
    """Trains a program to its end. Each lane is recorded every so many steps and at the end of each epoch.

    A run alone records in the same places, finds a loss that is not finite there too, and is stopped at the same epoch.
    """

    def __init__(self, program: Program, ends: Ends, *, every_n_steps: int, max_epochs: int) -> None:
        self.program = program
        self.ends = ends
        self.every_n_steps = every_n_steps
        self.max_epochs = max_epochs
        self._bounds = program.lanes[0].loader.bounds()
        self._steps = 0
        self._losses: list[Tensor] = []  # since the last flush, (lanes,) each
        self._wrong: list[Tensor] = []
        self._sizes: list[int] = []
        self._mark = time.perf_counter()

    def run(self, asked: Interrupts, *, each_epoch: Callable[[int], None] = lambda epoch: None) -> None:
        """Train every lane to its end; ``each_epoch`` is told how many epochs are over.

        Raises:
            Interrupted: an end was asked for.
        """
        self._mark = time.perf_counter()
        with plain_memory():
            for epoch in range(self.max_epochs):
                if not self.program.lanes:
                    return
                self._epoch(epoch, asked)
                each_epoch(epoch + 1)

    def _epoch(self, epoch: int, asked: Interrupts) -> None:
        program = self.program
        orders = torch.stack([_order(lane, epoch) for lane in program.lanes])
        orders = orders.to(program.home.train.input.device)
        for begin, end in self._bounds:
            losses, wrong = program.step(orders[:, begin:end])
            self._losses.append(losses)
            self._wrong.append(wrong)
            self._sizes.append(end - begin)
            self._steps += 1
            if self._steps % self.every_n_steps == 0:
                alive = self._flush(epoch, None)
                if not program.lanes:
                    return
                if len(alive) < len(orders):
                    orders = chosen(orders, alive)
            asked.check()
        self._flush(epoch, program.validate())
        if program.lanes:
            self._share_time()
            self._leave(epoch)
        if program.lanes:
            self._compact(self.ends.rung(epoch + 1))

    def _flush(self, epoch: int, validation: Sequence[Mapping[str, float]] | None) -> list[int]:
        """Record what was trained since the last time; diverged lanes leave. The places of those that stay."""
        lanes = self.program.lanes
        first = self._steps - len(self._losses)
        means, bad = self._means(len(lanes))
        alive = []
        for k, lane in enumerate(lanes):
            if bad[k] >= 0:
                self.ends.diverged(lane, divergence(first + bad[k], per_epoch=len(self._bounds)))
                continue
            alive.append(k)
            metrics = means[k] | dict(validation[k] if validation else {})
            self.ends.point(lane, self._steps, epoch, metrics)
            if validation:
                lane.rate.after_epoch(validation[k]["validation/loss"])
                self._judge(lane, k, epoch, validation[k])
        if len(alive) < len(lanes):
            self._keep(alive)
        if validation:
            self.program.rates_changed()
        return alive

    def _means(self, lanes: int) -> tuple[list[dict[str, float]], list[int]]:
        """The training metrics of each lane since the last flush, and its first step that was not finite, or -1."""
        if not self._losses:
            return [{} for _ in range(lanes)], [-1] * lanes
        sizes = torch.tensor(self._sizes).view(-1, 1)
        losses, wrong = torch.stack(self._losses).cpu(), torch.stack(self._wrong).cpu()
        finite = torch.isfinite(losses)
        bad = torch.where(finite.all(0), -1, (~finite).int().argmax(0)).tolist()
        examples = sum(self._sizes)
        loss = ((losses * sizes).double().sum(0) / examples).tolist()
        error = (wrong.double().sum(0) / examples).tolist()
        self._losses, self._wrong, self._sizes = [], [], []
        for lane in self.program.lanes:
            lane.examples += examples
        return [{"train/loss": loss[k], "train/top1_error": error[k]} for k in range(lanes)], bad

    def _judge(self, lane: Lane, k: int, epoch: int, metrics: Mapping[str, float]) -> None:
        if lane.stopping is not None:
            value = metrics[lane.stopping.monitor]
            state = self.program.state
            lane.stopped = lane.stopping.judge(value, epoch=epoch, evaluated=lambda: state(k))

    def _leave(self, epoch: int) -> None:
        """Let the lanes go that are at their end."""
        lanes, last = self.program.lanes, epoch + 1 == self.max_epochs
        for k, lane in enumerate(lanes):
            if last or lane.stopped:
                best = lane.stopping.best_weights if lane.stopping else {}
                self.ends.finished(lane, best or self.program.state(k))
        if last or any(lane.stopped for lane in lanes):
            self._mark = time.perf_counter()  # what they leave behind is no training
            self.program.select([k for k, lane in enumerate(lanes) if not last and not lane.stopped])

    def _compact(self, gone: Collection[int]) -> None:
        """Go on without the lanes in these places; the program shrinks."""
        self._mark = time.perf_counter()  # comparing lanes is no training
        if gone:
            self.program.select([k for k, lane in enumerate(self.program.lanes) if lane.place not in gone])

    def _keep(self, alive: list[int]) -> None:
        self._share_time()
        self.program.select(alive)

    def _share_time(self) -> None:
        """Give each lane its share of the time since the last mark."""
        now = time.perf_counter()
        for lane in self.program.lanes:
            lane.seconds += (now - self._mark) / len(self.program.lanes)
        self._mark = now


def _order(lane: Lane, epoch: int) -> Tensor:
    order = lane.loader.order(epoch)
    assert order is not None  # training is shuffled
    return order
