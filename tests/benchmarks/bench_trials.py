"""What a trial costs beyond its training: 1,000 short ones in one worker that is used again, against a bare loop.

The bare loop trains the same network on the same batches with torch alone, before and after the sweep. Seconds by
the clock, from the begin of the first trial to that of the last, so that starting Ray does not count. The memory of
the driver is looked at while it runs.
"""

import json
import statistics
import subprocess
import sys
import time
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

TRIALS, BARE = 1000, 50
CHOICES = ["network=linear", "data=digits", "trainer.max_epochs=1", "tracking=none"]
TARGET_S = 0.1
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


def memory_of(sweep: "subprocess.Popen[bytes]", trials: Path) -> list[tuple[int, int]]:
    """How many trials had begun, and the driver's own memory in bytes, every second until it ends."""
    driver, seen = psutil.Process(sweep.pid), []
    while sweep.poll() is None:
        begun = len(list(trials.glob("*.json")))
        if begun:
            seen.append((begun, driver.memory_full_info().uss))
        time.sleep(1)
    return seen


@pytest.mark.timeout(3600)
def test_a_trial_costs_little_beyond_its_training(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    before = bare_seconds()
    words = ["search=random", f"search.trials={TRIALS}", "optimizer.lr=tag(log,interval(1e-4,1e-1))"]
    words += ["seeds=1", "cluster.cpus=1", "pack=off", "name=many"]
    sweep = subprocess.Popen([sys.executable, "-m", "podium", "sweep", *CHOICES, *words], cwd=tmp_path)
    trials = tmp_path / "sweeps" / "many" / "trials"
    seen = memory_of(sweep, trials)
    assert sweep.returncode == 0
    bare = statistics.mean([before, bare_seconds()])
    outcomes = [json.loads(path.read_text()) for path in trials.glob("*.json")]
    assert len(outcomes) == TRIALS
    assert {outcome["status"] for outcome in outcomes} == {"finished"}
    began = sorted(datetime.fromisoformat(outcome["started"]) for outcome in outcomes)
    gaps = [(after - earlier).total_seconds() for earlier, after in pairwise(began)]
    mean, median = statistics.mean(gaps), statistics.median(gaps)
    print(f"\n{TRIALS} trials: {mean:.3f} s each (median {median:.3f}), bare training {bare:.3f} s")
    print(f"beyond the training {mean - bare:.3f} s each (median {median - bare:.3f}), target {TARGET_S} s")
    for share in (0.1, 0.5, 1.0):
        begun, used = next(one for one in seen if one[0] >= share * TRIALS - 10)
        print(f"the driver after {begun} trials: {used / MIB:.0f} MiB")
