"""A training step of `podium train` against one of a loop in torch alone, and a validation pass likewise.

dense-200-100-100 on MNIST images, batch 64, Adam, one thread. `podium train` runs as a user runs it, with its bar on a
terminal, its metrics and MLflow; its own clock says how many images a second it trained, validation left out, but reads the
processor time of the training thread, as the bare loop's does: what others do on a shared machine is in neither. Both
alternate in one process; the ratio is the rounds' median.
"""

import os
import pty
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from podium.data.loader import BatchLoader
from podium.run import recorder
from podium.run.assemble import compose
from podium.run.build import build
from podium.run.folders import find_record
from podium.run.score import predict
from podium.run.train import train

Note = Callable[..., None]
ROUNDS, BATCH, EPOCHS = 7, 64, 10
WORDS = (
    "network=dense_200_100_100",
    "data=mnist5k",
    f"data.batch_size={BATCH}",
    f"trainer.max_epochs={EPOCHS}",
)


def bare() -> float:
    """Seconds a step of the loop in torch alone."""
    torch.use_deterministic_algorithms(False)
    parts = build(compose(WORDS))
    parts.data.setup("fit")
    whole = parts.data.examples("train").batch(slice(None))
    network, loss = parts.network.train(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters())
    took, steps = 0.0, 0
    for epoch in range(EPOCHS):
        began = time.thread_time()
        for rows in torch.randperm(len(whole.target)).split(BATCH):
            optimizer.zero_grad()
            loss(network(whole.input[rows]), whole.target[rows]).backward()
            optimizer.step()
            steps += epoch > 0
        took += time.thread_time() - began if epoch else 0
    return took / steps


def ours(folder: Path) -> float:
    """Seconds a step of `podium train`, as its record says."""
    config = compose(
        [*WORDS, f"paths.runs={folder / 'runs'}", f"tracking.uri=sqlite:///{folder / 'mlflow.db'}"]
    )
    with on_a_terminal():
        record = train(config)
    assert record == find_record(config)
    assert record.costs is not None
    return BATCH / record.costs["train_images_per_s"]


def ratio_of(ratios: list[float], *, must: float, goal: float) -> dict[str, object]:
    """A row's figures: the rounds' median, lower is better where the goal is below what must be."""
    ratio = statistics.median(ratios)
    return {
        "measured": f"{ratio:.2f}x ({min(ratios):.2f} to {max(ratios):.2f})",
        "must": f"{must:g}x",
        "goal": f"{goal:g}x",
        "met": ratio <= must if goal < must else ratio >= must,
    }


@contextmanager
def on_a_terminal() -> Iterator[None]:
    """A terminal in the place of stderr, whose other end somebody reads."""
    reader, side = pty.openpty()

    def drain() -> None:
        try:
            while os.read(reader, 65536):
                pass
        except OSError:  # the other end is closed
            pass

    threading.Thread(target=drain, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch, os.fdopen(side, "w") as terminal:
        patch.setattr("sys.stderr", terminal)
        yield


@pytest.mark.timeout(1800)
def test_a_training_step_against_a_bare_one(
    tmp_path: Path, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(recorder, "time", SimpleNamespace(perf_counter=time.thread_time))
    pairs = []
    for number in range(ROUNDS):
        pairs.append((bare(), ours(tmp_path / str(number))))
        print(f"\nbare {1000 * pairs[-1][0]:.2f} ms, podium train {1000 * pairs[-1][1]:.2f} ms", end="")
    note(
        what="`podium train` step with metrics, bar and MLflow, dense-200-100-100, batch 64",
        against="bare PyTorch loop",
        **ratio_of([mine / theirs for theirs, mine in pairs], must=1.25, goal=1.10),
    )


@pytest.mark.timeout(900)
def test_a_validation_pass_against_a_bare_one(tmp_path: Path, note: Note) -> None:
    torch.set_num_threads(1)
    parts = build(compose([*WORDS, f"paths.runs={tmp_path}", "data.batch_size=256"]))
    parts.data.setup("fit")
    examples = parts.data.examples("train")  # the largest split: the pass is what counts, not what begins it
    network = parts.network.eval()

    def theirs() -> None:
        with torch.inference_mode():
            for batch in BatchLoader(examples, batch_size=256, seed=0, shuffle=False):
                (network(batch.input).argmax(1) != batch.target).sum()

    def seconds(work: Callable[[], None]) -> float:
        began = time.thread_time()
        for _ in range(5):
            work()
        return time.thread_time() - began

    def mine() -> None:
        predict(parts.task, examples, torch.device("cpu"))

    theirs()
    mine()
    pairs = [(seconds(theirs), seconds(mine)) for _ in range(ROUNDS)]
    note(
        what="validation and test pass, answers kept",
        against="bare loop under inference_mode",
        **ratio_of([own / bare for bare, own in pairs], must=1.1, goal=1.0),
    )


def at_once(count: int, folder: Path) -> float:
    """Images a second of so many runs together, each in a process of its own."""
    words = [
        *WORDS,
        "trainer.max_epochs=60",
        "tracking=none",
        "runtime.progress=false",
        f"paths.runs={folder}",
    ]
    command = [sys.executable, "-m", "podium", "train", *words]
    children = [subprocess.Popen([*command, f"seed={k}"], stdout=subprocess.DEVNULL) for k in range(count)]
    assert [child.wait() for child in children] == [0] * count
    records = [find_record(compose([*words, f"seed={k}"])) for k in range(count)]
    return sum(record.costs["train_images_per_s"] for record in records if record and record.costs)


@pytest.mark.timeout(1800)
def test_two_trials_at_once_against_one(tmp_path: Path, note: Note) -> None:
    """By the clock: on a machine where others work it says little."""
    pairs = [(at_once(1, tmp_path / f"{k}a"), at_once(2, tmp_path / f"{k}b")) for k in range(3)]
    note(
        what="two trials at once on two cores",
        against="one trial, one core",
        **ratio_of([two / one for one, two in pairs], must=1.7, goal=1.95),
    )
