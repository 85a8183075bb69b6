"""Tries a pack out before it begins: the same gradients as alone, and how fast.

A network's own class may do what folding does not foresee. So the first batch of the first and of the last lane goes through
their own tasks too: loss, gradient and random stream must agree, or the runs are trained alone.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from podium.contracts import Batch
from podium.pack.errors import Unpackable
from podium.pack.form import Form
from podium.pack.home import streams_of, wait_for
from podium.pack.lane import Lane
from podium.pack.network import put
from podium.pack.program import Program
from podium.run.engine import compile_network

TOLERANCE = 1e-4  # of the largest gradient: single precision, summed in another order
FEWEST, MOST = 3, 6  # steps that are timed
ENOUGH_S = 0.3  # of all of them together: long steps vary less


def check_same(lanes: Sequence[Lane], form: Form) -> None:
    """Check that the first step of the pack in a form is that of each run alone.

    Raises:
        Unpackable: it is not, or the networks cannot be passed through.
    """
    ends = list(dict.fromkeys([0, len(lanes) - 1]))
    chosen = [spare(lanes[k]) for k in ends]
    rows = first_rows(chosen)
    with _whole_products():
        try:
            program = Program(chosen, form=form)
            losses, _, gradient = program.gradient(rows)
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise Unpackable(f"their network does not fold: {' '.join(str(error).split())[:120]}") from None
        alone = [_alone(lanes[end], rows[k]) for k, end in enumerate(ends)]
    for k, (loss, own, streams) in enumerate(alone):
        same = torch.allclose(losses[k], loss, rtol=TOLERANCE, atol=1e-6)
        largest = float(own.abs().max())
        if not (same and float((gradient[k] - own).abs().max()) <= TOLERANCE * largest + 1e-7):
            raise Unpackable("their network gives other gradients when it is folded")
        drawn = chosen[k].generator.get_state(), chosen[k].draws.get_state()
        if not all(map(torch.equal, drawn, streams)):
            raise Unpackable("they draw random numbers in a way that cannot be packed")


def seconds_alone(lane: Lane) -> float:
    """How long a bare step of one run takes: forward, backward, optimizer."""
    task, batch = lane.parts.task, _batch(lane, first_rows([lane])[0])
    with _as_before(lane):
        optimizer = task.configure_optimizers()
        compile_network(lane.parts.network, lane.parts.trainer.compile)

        def step() -> None:
            optimizer.zero_grad()
            task.training_step(batch, 0).backward()
            optimizer.step()

        return _least(step, lane.home.device)


def seconds_packed(lanes: Sequence[Lane], *, form: Form) -> float:
    """How long a step of these runs as one program takes."""
    spares = [spare(lane) for lane in lanes]
    compiled = lanes[0].parts.trainer.compile
    program, rows = Program(spares, form=form, compiled=compiled), first_rows(spares)
    return _least(lambda: program.step(rows), program.home.device)


def spare(lane: Lane) -> Lane:
    """The lane with copies of its random streams, to be tried out."""
    generator = _copy(lane.generator)
    draws = generator if lane.draws is lane.generator else _copy(lane.draws)
    return replace(lane, generator=generator, draws=draws)


def _copy(stream: torch.Generator) -> torch.Generator:
    copy = torch.Generator(stream.device)
    copy.set_state(stream.get_state())
    return copy


def first_rows(lanes: Sequence[Lane]) -> Tensor:
    """The first batch of each, (lanes, batch), where the examples are."""
    begin, end = lanes[0].loader.bounds()[0]
    orders = [lane.loader.order(0) for lane in lanes]
    rows = torch.stack([order[begin:end] for order in orders if order is not None])
    return rows.to(lanes[0].home.train.input.device)


def _alone(lane: Lane, rows: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Loss, gradient and random streams after one batch through the run's own task."""
    task, network = lane.parts.task, lane.parts.network
    with _as_before(lane):
        streams = streams_of(lane.home.device)
        for stream, own in zip(streams, (lane.generator, lane.draws), strict=True):
            stream.set_state(own.get_state())
        loss = task.training_step(_batch(lane, rows), 0)
        loss.backward()
        left = [stream.get_state() for stream in streams]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]
        return loss.detach(), torch.cat([gradient.reshape(-1) for gradient in gradients]), left


def _batch(lane: Lane, rows: Tensor) -> Batch:
    return lane.home.batch(lane.home.train, rows)


@contextmanager
def _as_before(lane: Lane) -> Iterator[None]:
    """Have the network at home; leave it, its task and the process's random streams as they were."""
    task, network = lane.parts.task, lane.parts.network
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random, training = streams_of(lane.home.device), network.training
    states = [stream.get_state() for stream in random]
    task.records = False
    task.to(lane.home.device)
    network.train()
    try:
        yield
    finally:
        task.records = True
        task.cpu()
        put(state, network)
        network.zero_grad(set_to_none=True)
        network.train(training)
        for stream, before in zip(random, states, strict=True):
            stream.set_state(before)


@contextmanager
def _whole_products() -> Iterator[None]:
    """Convolutions of a GPU in single precision: by default they are in less, and differ by more than the tolerance."""
    cudnn: Any = torch.backends.cudnn
    before = cudnn.allow_tf32
    cudnn.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32 = before


def _least(step: Callable[[], object], device: torch.device) -> float:
    """The shortest of some steps: a busy moment only makes one longer.

    One thread's own time is taken where there is one: that of other processes, which share the core, is not in it.
    """
    alone = torch.get_num_threads() == 1 and device.type == "cpu"
    clock = time.thread_time if alone else time.perf_counter
    times: list[float] = []
    while len(times) < FEWEST or (len(times) < MOST and sum(times) < ENOUGH_S):
        began = clock()
        step()
        wait_for(device)
        times.append(clock() - began)
    return min(times[1:])  # the first prepares what the others use
