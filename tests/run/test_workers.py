"""Several workers train one network: the same examples, exact evaluation, numbers of their own, exact resume."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from torch import Tensor

from podium.data.arrays import Arrays
from podium.data.loader import BatchLoader
from podium.records.record import RunRecord, Status
from podium.run.assemble import compose
from podium.run.build import build
from podium.run.errors import ConfigError, WorkerLost
from podium.run.processes import Processes
from podium.run.saver import checked_checkpoint, worker_seed
from podium.run.train import train
from podium.run.workers import Family
from podium.tasks.meter import Meter

SMALL = [
    "network=dense32",
    "data=digits",
    "tracking=none",
    "runtime.accelerator=cpu",
    "runtime.progress=false",
]
CLOSE = 1e-5  # of a loss: its parts are summed in another order


def loader(count: int, *, batch_size: int, shuffle: bool = True) -> BatchLoader:
    numbers = torch.arange(count)
    return BatchLoader(
        Arrays(numbers[:, None].float(), numbers, numbers), batch_size=batch_size, seed=3, shuffle=shuffle
    )


@pytest.mark.parametrize(
    ("count", "batch_size", "workers"), [(20, 5, 2), (21, 5, 2), (23, 8, 3)], ids=["odd", "lone", "three"]
)
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
def test_the_workers_shares_are_the_batches_of_one_worker(
    count: int, batch_size: int, workers: int, shuffle: bool
) -> None:
    whole = [batch.target for batch in loader(count, batch_size=batch_size, shuffle=shuffle)]
    shares = []
    for worker in range(workers):
        one = loader(count, batch_size=batch_size, shuffle=shuffle)
        one.take_share(worker, of=workers)
        shares.append([batch.target for batch in one])
    for k, batch in enumerate(whole):
        together = torch.cat([share[k] for share in shares])
        assert together.sort().values.tolist() == batch.sort().values.tolist()
        assert max(len(share[k]) for share in shares) - min(len(share[k]) for share in shares) <= 1


def test_a_batch_that_is_too_small_for_all_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="an example for each of 4 workers, got one of 3"):
        loader(19, batch_size=8).take_share(0, of=4)
    with pytest.raises(ValueError, match="an example for each of 4 workers, got one of 2"):
        loader(19, batch_size=2).take_share(0, of=4)


def parts(*values: str):
    return build(compose([*SMALL, *values]))


class Two:
    """Stands for a strategy of two workers of which this is one; the other has the given numbers."""

    def __init__(self, other: float) -> None:
        self.other = other

    def reduce(self, value: Tensor, *, reduce_op: str) -> Tensor:
        theirs = torch.full_like(value, self.other)
        assert reduce_op == "sum"
        return value + theirs


def mean(losses: list[Tensor]) -> float:
    return float(torch.stack(losses).detach().mean())


def test_shares_of_different_size_weigh_as_their_examples() -> None:
    task = parts().task
    batch = torch.randn(5, 1, 8, 8), torch.arange(5)
    whole = task.loss(task.network(batch[0]), batch[1])
    task.workers = 2
    weighted, plain = [], []
    for rows, other in ((slice(0, 3), 2), (slice(3, 5), 3)):
        task._trainer = SimpleNamespace(strategy=Two(other))
        loss = task.loss(task.network(batch[0][rows]), batch[1][rows])
        plain.append(loss)
        weighted.append(task._of_the_whole(loss, examples=len(batch[1][rows])))
    assert mean(weighted) == pytest.approx(float(whole.detach()), rel=1e-6)
    assert mean(plain) != pytest.approx(float(whole.detach()), rel=1e-4)


@pytest.mark.parametrize(
    ("others", "fits"), [(100, True), (101, False), (99, False)], ids=["once", "padded", "lost"]
)
def test_validation_counts_each_example_once_or_stops(others: int, fits: bool) -> None:
    task = parts().task
    task.workers = 2
    task._trainer = SimpleNamespace(
        strategy=Two(others),
        val_dataloaders=SimpleNamespace(examples=SimpleNamespace(target=torch.zeros(103))),
        barebones=True,
    )
    task._validation = [({}, 3)]
    if fits:
        task.on_validation_epoch_end()
        return
    with pytest.raises(AssertionError, match=f"each of 103 examples once, got {others + 3}"):
        task.on_validation_epoch_end()


def test_training_metrics_are_means_over_all_workers_and_a_bad_loss_of_any_is_found() -> None:
    def reduce(value: Tensor, *, reduce_op: str, bad: int) -> Tensor:
        return value + 1 if reduce_op == "sum" else value.clamp(max=bad)

    meter = Meter()
    meter.update(loss=torch.tensor(2.0), sums={}, examples=3, step=7)
    good = torch.iinfo(torch.int64).max
    assert meter.flush(partial(reduce, bad=good)) == {"train/loss": pytest.approx((6 + 1) / 4)}
    meter.update(loss=torch.tensor(2.0), sums={}, examples=3, step=8)
    with pytest.raises(FloatingPointError, match="5"):
        meter.flush(partial(reduce, bad=5))


def test_what_several_workers_cannot_train_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be 1 on the CPU with batch normalisation"):
        parts("network=lecture_cnn_bn_8", "runtime.devices=2")
    with pytest.raises(ConfigError, match="must be 1 for Perceptron"):
        parts("network=perceptron", "data=separable", "runtime.devices=2")


def test_more_workers_than_gpus_of_this_machine_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    Processes().check("auto", 2)
    Processes().check("cpu", 3)
    with pytest.raises(ConfigError, match="must be at most the 2 GPUs that are here, got 3; lower it"):
        Processes().check("auto", 3)


class Loses(Processes):
    """Workers of which one is gone as soon as they begin."""

    def begin(self, order: Path, workers: int) -> Family:
        raise WorkerLost("worker 1 of 2 on 10.0.0.8 was lost")

    def tags(self) -> dict[str, str]:
        return {"nodes": "10.0.0.7, 10.0.0.8"}


def test_a_run_that_lost_a_worker_is_not_over_and_says_where_it_was(tmp_path: Path) -> None:
    config = compose([*SMALL, "runtime.devices=2", f"paths.runs={tmp_path / 'runs'}"])
    for resumes in (0, 1):
        with pytest.raises(WorkerLost):
            train(config, start=Loses())
        record = RunRecord.load(the_run(tmp_path))
        assert (record.status, record.resumes) == (Status.INTERRUPTED, resumes)
        assert record.error == "worker 1 of 2 on 10.0.0.8 was lost"
        assert record.tags["nodes"] == "10.0.0.7, 10.0.0.8"


def test_each_worker_draws_numbers_of_its_own() -> None:
    seeds = {worker_seed(seed, worker) for seed in range(20) for worker in range(8)}
    assert len(seeds) == 160


def command(folder: Path, *values: str) -> list[str]:
    where = [f"paths.runs={folder / 'runs'}", f"paths.data={folder.parent / 'data'}"]
    return [sys.executable, "-m", "podium", "train", *SMALL, *where, *values]


def run(folder: Path, *values: str) -> Path:
    done = subprocess.run(command(folder, *values), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return the_run(folder)


def the_run(folder: Path) -> Path:
    (found,) = (folder / "runs").glob("*-s0")
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_and_two_workers_give_the_same_losses(tmp_path: Path) -> None:
    values = ["data.batch_size=63", "trainer.max_epochs=3", "trainer.accumulate=2", "tricks=[l2]"]
    alone, together = run(tmp_path / "1", *values), run(tmp_path / "2", *values, "runtime.devices=2")
    one, two = RunRecord.load(alone), RunRecord.load(together)
    assert one.entry_hash == two.entry_hash
    assert one.history is not None
    assert two.history is not None
    assert one.history.keys() == two.history.keys()
    for name, points in one.history.items():
        assert torch.tensor(two.history[name]).sub(torch.tensor(points)).abs().max() < CLOSE, name
    assert one.metrics == pytest.approx(two.metrics, abs=CLOSE)
    assert two.tags == {"workers": "2", "examples_per_worker": "31.5 of 63"}
    assert one.tags == {}


DROPOUT = ["tricks=[dropout]", "runtime.devices=2", "trainer.max_epochs=8", "data.batch_size=60"]


def begin(folder: Path, *values: str, points: int) -> "subprocess.Popen[bytes]":
    """A run with its process, once its journal has so many points."""
    process = subprocess.Popen(command(folder, *values), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 240
    while time.monotonic() < until and process.poll() is None:
        journals = list(folder.glob("runs/*/events.jsonl"))
        if journals and journals[0].read_text().count('"point"') >= points:
            return process
        time.sleep(0.02)
    raise AssertionError("it trained no further")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_workers_stopped_and_killed_go_on_to_the_same_bits(tmp_path: Path) -> None:
    reference = run(tmp_path / "reference", *DROPOUT)
    often = [*DROPOUT, "runtime.checkpoint_every_s=0", "runtime.flush_every_n_steps=1"]
    folder = tmp_path / "broken"
    process = begin(folder, *often, points=30)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=240) == 128 + signal.SIGTERM
    stopped = the_run(folder)
    assert RunRecord.load(stopped).status is Status.INTERRUPTED
    with pytest.raises(ConfigError, match=r"as many workers as wrote it, got 1; set runtime\.devices=2"):
        checked_checkpoint(stopped / "last.ckpt", workers=1)
    process = begin(folder, *often, points=60)
    family = psutil.Process(process.pid).children(recursive=True)
    workers = [one for one in family if "podium.run.worker" in one.cmdline()]
    assert len(workers) == 2
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=90)
    assert alive == []
    resumed = run(folder, *often)
    assert RunRecord.load(resumed).resumes == 2
    bits = [(place / "network.safetensors").read_bytes() for place in (reference, resumed)]
    assert bits[0] == bits[1]
    ours, theirs = torch.load(resumed / "last.ckpt", weights_only=True)["workers"]
    assert not torch.equal(ours["rng"]["cpu"], theirs["rng"]["cpu"]), "masks must differ"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_worker_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    process = begin(tmp_path, *DROPOUT, "trainer.max_epochs=10000", points=5)
    family = psutil.Process(process.pid).children(recursive=True)
    victim = next(one for one in family if one.environ().get("RANK") == "1")
    os.kill(victim.pid, signal.SIGKILL)
    assert process.wait(timeout=240) != 0
    record = RunRecord.load(the_run(tmp_path))
    assert record.status is Status.FAILED
    assert record.error is not None
    assert "worker 1 of 2 ended with code -9" in record.error
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert json.loads((the_run(tmp_path) / "events.jsonl").read_text().splitlines()[-1])["kind"] == "finish"
