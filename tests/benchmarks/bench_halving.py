"""ASHA on lanes against the full grid, both packed: the winner, the epochs and the seconds.

Configurations are those of the sweep of `bench_packing`: initialisers, rates of dropout and learning rates of a
small network on digits, one seed. What is looked at is the validation loss.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from podium.run.assemble import compose
from podium.sweep.command import carry_out_sweep, check_configurations
from podium.sweep.plan import make_plan
from podium.sweep.result import Result
from podium.sweep.tools import real_tools

Note = Callable[..., None]
EPOCHS, MUST, GOAL = 27, 3.0, 6.0
SPACE = (
    "network=dense32",
    "network.widths=[32,32]",
    "data=digits",
    "data.batch_size=32",
    "tracking=none",
    "runtime.accelerator=cpu",
    "tricks=[dropout]",
    f"trainer.max_epochs={EPOCHS}",
    "initializer=choice(he_normal, glorot_normal, small_normal, torch_default)",
    "tricks.dropout.p=choice(0.0, 0.2, 0.4, 0.6)",
    "optimizer.lr=choice(0.0003, 0.001, 0.003, 0.01)",
    "seeds=1",
    "metric=validation/loss",
)


def carried_out(folder: Path, name: str, *words: str) -> tuple[Result, float]:
    """A sweep with runs of its own, and its seconds once its configurations are checked."""
    paths = (f"paths.runs={folder / name}", f"out={folder / 'sweeps'}", f"name={name}")
    plan, tools = make_plan([*SPACE, *paths, *words], compose), real_tools()
    base = check_configurations(plan, tools)[0]
    plan.claim()
    began = time.perf_counter()
    result = carry_out_sweep(plan, tools, base)
    assert result.complete
    return result, time.perf_counter() - began


def epochs(result: Result) -> int:
    """Epochs that were trained in all."""
    return sum(replicate.epochs for row in result.rows for replicate in row.outcome.replicates)


@pytest.mark.timeout(1800)
def test_halving_on_lanes_against_the_full_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: Note
) -> None:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    whole, whole_s = carried_out(tmp_path, "grid", "search=grid")
    halved, halved_s = carried_out(tmp_path, "halved", "search=asha", f"search.trials={len(whole.rows)}")
    assert whole.best is not None
    assert halved.best is not None
    places = {row.outcome.line: row.rank for row in whole.rows}
    place = places[halved.best.outcome.line]
    saved = epochs(whole) / epochs(halved)
    note(
        what=f"ASHA on packed lanes, {len(whole.rows)} trials of {EPOCHS} epochs, digits MLP 64-32-32",
        against="the full grid, packed",
        measured=f"its number {place} with 1/{saved:.1f} of the epochs; {halved_s:.0f} s against {whole_s:.0f} s",
        must=f"its number 1 with 1/{MUST:g} of the epochs",
        goal=f"1/{GOAL:g}",
        met=place == 1 and saved >= MUST,
    )
