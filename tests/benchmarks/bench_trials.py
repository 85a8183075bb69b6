"""What a trial costs beyond its training: 1,000 short ones in one worker that is used again, against a bare loop.

The bare loop trains the same network on the same batches with torch alone, before and after the sweep. Seconds by
the clock, from the begin of one trial to that of the next, so that starting Ray does not count; the first trial, in
which the new worker imports what it needs, stands for itself. The memory of the driver is looked at while it runs.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

from podium.data.loader import BatchLoader
from podium.run.assemble import compose
from podium.run.build import Assembly, build

Note = Callable[..., None]
COUNTS, BARE = (10, 100, 1000), 50
CHOICES = ["network=linear", "data=digits", "trainer.max_epochs=1", "tracking=none"]
TARGET_S, FLAT = 0.1, 0.05
MIB = 2**20


def bare_seconds() -> float:
    """Seconds for one training in a loop of torch alone, median of many."""
    parts = build(compose(CHOICES))
    times = []
    for _ in range(BARE):
        began = time.perf_counter()
        train_barely(parts)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def train_barely(parts: Assembly) -> None:
    """An epoch of training and one look at the validation split."""
    examples, validation = parts.data.examples("train"), parts.data.examples("validation")
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimizer, loss = torch.optim.Adam(network.parameters()), nn.CrossEntropyLoss()
    for batch in BatchLoader(examples, batch_size=parts.data.batch_size, seed=0, shuffle=True):
        optimizer.zero_grad()
        loss(network(batch.input), batch.target).backward()
        optimizer.step()
    with torch.inference_mode():
        for batch in BatchLoader(validation, batch_size=parts.data.batch_size, seed=0, shuffle=False):
            (network(batch.input).argmax(1) == batch.target).sum().item()


@dataclass(frozen=True)
class Sweep:
    """What was seen of a sweep: its seconds from the command's start to its end, of which the first trial's, and between
    the begins of later ones; trials begun, memory in bytes and processor seconds of the driver, each second.
    """

    seconds: float
    first: float
    gaps: list[float]
    seen: list[tuple[int, int, float]]

    @classmethod
    def of(cls, count: int, folder: Path) -> "Sweep":
        """Run one of so many trials."""
        words = ["search=random", f"search.trials={count}", "optimizer.lr=tag(log,interval(1e-4,1e-1))"]
        words += ["seeds=1", "cluster.cpus=1", "pack=off", "name=many"]
        folder.mkdir()
        trials, start = folder / "sweeps" / "many" / "trials", time.perf_counter()
        sweep = subprocess.Popen([sys.executable, "-m", "podium", "sweep", *CHOICES, *words], cwd=folder)
        seen = list(watch(sweep, trials))
        assert sweep.returncode == 0
        seconds = time.perf_counter() - start
        outcomes = [json.loads(path.read_text()) for path in trials.glob("*.json")]
        assert [outcome["status"] for outcome in outcomes] == ["finished"] * count
        began = sorted(datetime.fromisoformat(outcome["started"]) for outcome in outcomes)
        first, *gaps = [(after - earlier).total_seconds() for earlier, after in pairwise(began)]
        return cls(seconds, first, gaps, seen)


def watch(sweep: "subprocess.Popen[bytes]", trials: Path) -> Iterator[tuple[int, int, float]]:
    """How many trials had begun, and the driver's own memory and processor time, every second until it ends."""
    driver = psutil.Process(sweep.pid)
    while sweep.poll() is None:
        begun = len(list(trials.glob("*.json")))
        if begun:
            used = driver.cpu_times()
            yield begun, driver.memory_full_info().uss, used.user + used.system
        time.sleep(1)


@pytest.mark.timeout(3600)
def test_a_trial_costs_little_beyond_its_training(tmp_path: Path, note: Note) -> None:
    torch.set_num_threads(1)
    before = bare_seconds()
    sweeps = {count: Sweep.of(count, tmp_path / str(count)) for count in COUNTS}
    bare = statistics.mean([before, bare_seconds()])
    most = sweeps[max(COUNTS)]
    mean, median = statistics.mean(most.gaps), statistics.median(most.gaps)
    note(
        what=f"{max(COUNTS):,} short trials in one worker, beyond the training, each",
        against="bare PyTorch loop",
        measured=f"{mean - bare:.3f} s (median {median - bare:.3f}; the first, with its imports, {most.first:.1f})",
        must=f"{TARGET_S} s",
        goal="",
        met=mean - bare <= TARGET_S,
    )
    places = [
        next(one for one in most.seen if one[0] >= share * max(COUNTS) - 10) for share in (0.1, 0.5, 1.0)
    ]
    growth = places[-1][1] / places[0][1] - 1
    (few, _, spent_then), (many, _, spent) = places[0], places[-1]
    note(
        what=f"memory of the driver of {max(COUNTS):,} trials",
        against="after a tenth of them",
        measured=f"+{growth:.1%} ({', '.join(f'{n}: {used / MIB:.0f} MiB' for n, used, _ in places)})",
        must=f"+{FLAT:.0%}",
        goal="flat",
        met=growth <= FLAT,
    )
    low, middle, _ = (sweeps[count].seconds for count in COUNTS)
    each = (middle - low) / (COUNTS[1] - COUNTS[0])
    told = middle + each * (COUNTS[2] - COUNTS[1])
    note(
        what=f"seconds of {COUNTS[2]:,} trials",
        against=f"as {COUNTS[0]} and {COUNTS[1]} foretell on a straight line",
        measured=f"{most.seconds:.0f} s, told {told:.0f}: start {low - each * COUNTS[0]:.1f}, each {each:.3f}; "
        f"the driver's processor {1000 * (spent - spent_then) / (many - few):.0f} ms each",
        must="within 20%",
        goal="",
        met=abs(told / most.seconds - 1) <= 0.2,
    )
