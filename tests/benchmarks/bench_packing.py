"""Runs of one shape as one program against bare PyTorch loops, and a packed sweep against one Ray Tune trial each.

Steps are compared by the processor time of their one thread, sweeps by the clock. Both sides alternate, so that a busy
moment hits both; the figure is the median of the rounds' ratios. Forms are chosen as `podium sweep` chooses them: by
measuring. Where a loop alone is the faster one the runs train alone, so that a ratio below 0.97 is a wrong choice.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from podium.pack.choice import choose
from podium.pack.lane import Lane
from podium.pack.program import Program
from podium.pack.train import build_lanes
from podium.pack.trial import first_rows, spare
from podium.run.assemble import compose, compose_seeds
from podium.run.engine import plain_memory
from podium.run.under_way import environment_of
from podium.sweep.command import carry_out_sweep, check_configurations
from podium.sweep.plan import make_plan
from podium.sweep.rays import local_ray
from podium.sweep.tools import real_tools

ROUNDS, STEPS = 7, 4
LEAST = 0.97
MLP = ("network=dense32", "network.widths=[32,32]", "data=digits")
LENET = ("network=lenet5", "data=mnist5k")
NETWORKS = {"digits MLP 64-32-32": MLP, "LeNet": LENET}
ASKED = {"digits MLP 64-32-32": (3.0, 6.0), "LeNet": (1.5, 2.5)}  # of the best cell: must, goal
BATCHES, COUNTS = (8, 32), (1, 4, 16, 64)
Note = Callable[..., None]
PLAIN = ("tracking=none", "runtime.progress=false", "runtime.accelerator=cpu")
SWEEP = (
    *MLP,
    *PLAIN,
    "data.batch_size=32",
    "tricks=[dropout]",
    "trainer.max_epochs=20",
    "initializer=choice(he_normal, glorot_normal, small_normal, torch_default)",
    "tricks.dropout.p=choice(0.0, 0.2, 0.4, 0.6)",
    "optimizer.lr=choice(0.0003, 0.001, 0.003, 0.01)",
    "seeds=1",
    "name=packing",
)


class Bare:
    """Models one after the other, each in a loop of five lines."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._train = lanes[0].parts.data.examples("train")
        self._models: list[nn.Module] = [lane.parts.network for lane in lanes]
        self._optimizers = [torch.optim.Adam(model.parameters()) for model in self._models]
        self._rows = first_rows(lanes)

    def steps(self) -> None:
        for model, optimizer, rows in zip(self._models, self._optimizers, self._rows, strict=True):
            for _ in range(STEPS):
                batch = self._train.batch(rows)
                optimizer.zero_grad()
                F.cross_entropy(model(batch.input), batch.target).backward()
                optimizer.step()


class Together:
    """The same models in the form that was chosen."""

    def __init__(self, lanes: Sequence[Lane], runs: Path) -> None:
        self.form = choose(lanes, runs, environment_of(lanes[0].config))
        self._alone = Bare(lanes) if self.form.speedup < 1 else None
        parts = [lanes[k : k + self.form.lanes] for k in range(0, len(lanes), self.form.lanes)]
        self._programs = [Program([spare(lane) for lane in part], form=self.form.form) for part in parts]
        self._rows = [first_rows(part) for part in parts]

    def __str__(self) -> str:
        if self._alone is not None:
            return "alone"
        return f"{self.form.lanes} a program, {self.form.form}"

    def steps(self) -> None:
        if self._alone is not None:
            self._alone.steps()
            return
        for program, rows in zip(self._programs, self._rows, strict=True):
            for _ in range(STEPS):
                program.step(rows)


def seconds(work: Callable[[], None]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def ratios_of(name: str, batch: int, tmp_path: Path) -> list[float]:
    """How many times as fast so many models are in the chosen form, for each count of models."""
    words = [*NETWORKS[name], *PLAIN, f"data.batch_size={batch}", f"paths.runs={tmp_path}"]
    lanes, _ = build_lanes(compose_seeds(words, seeds=range(max(COUNTS))), range(max(COUNTS)))
    print(f"\n{name}, batch {batch}\n{'models':>8}{'bare ms':>10}{'ours ms':>10}{'ratio':>8}")
    found = []
    for count in COUNTS:
        bare, ours = Bare(lanes[:count]), Together(lanes[:count], tmp_path)
        with plain_memory():
            bare.steps()
            ours.steps()
            pairs = [(seconds(bare.steps), seconds(ours.steps)) for _ in range(ROUNDS)]
        ratios = sorted(theirs / mine for theirs, mine in pairs)
        theirs, mine = (1000 * statistics.median(side) / STEPS for side in zip(*pairs, strict=True))
        print(
            f"{count:>8}{theirs:>10.2f}{mine:>10.2f}{statistics.median(ratios):>8.2f}   "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f}; {ours})",
            flush=True,
        )
        found.append(statistics.median(ratios))
    return found


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NETWORKS)
def test_packed_steps_are_as_fast_as_bare_loops_or_faster(name: str, tmp_path: Path, note: Note) -> None:
    torch.set_num_threads(1)
    found = {batch: ratios_of(name, batch, tmp_path) for batch in BATCHES}
    cells = [ratio for ratios in found.values() for ratio in ratios]
    must, goal = ASKED[name]
    note(
        what=f"K models packed, {name}, K = {', '.join(map(str, COUNTS))}",
        against="K bare PyTorch loops, one after another",
        measured="; ".join(
            f"batches of {batch}: {', '.join(f'{ratio:.2f}' for ratio in ratios)}x"
            for batch, ratios in found.items()
        ),
        must=f"{must:g}x, none under {LEAST}",
        goal=f"{goal:g}x",
        met=max(cells) >= must and min(cells) >= LEAST,
    )


def sweep_seconds(folder: Path, pack: str) -> float:
    """How long the sweep takes, once its configurations are checked."""
    paths = (f"paths.runs={folder / pack}", f"out={folder / 'sweeps' / pack}")
    plan, tools = make_plan([*SWEEP, *paths, f"pack={pack}"], compose), real_tools()
    base = check_configurations(plan, tools)[0]
    plan.claim()
    began = time.perf_counter()
    assert carry_out_sweep(plan, tools, base).complete
    return time.perf_counter() - began


@pytest.mark.timeout(3600)
def test_a_packed_sweep_makes_more_trials_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: Note
) -> None:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    took = {}
    with local_ray(2):  # it starts before the clocks do
        for pack in ("off", "auto"):
            took[pack] = sweep_seconds(tmp_path, pack)
    trials, ratio = 64, took["off"] / took["auto"]
    note(
        what=f"sweep of {trials} trials, digits MLP 64-32-32, 20 epochs, packed",
        against="one Ray Tune trial each, actors reused",
        measured=f"{ratio:.1f}x ({60 * trials / took['auto']:.0f} against {60 * trials / took['off']:.0f} a minute)",
        must="10x",
        goal="50x",
        met=ratio >= 10,
    )
