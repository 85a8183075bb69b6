"""Hand-made run folders, as a training process leaves them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium.records.environment import Environment
from podium.records.journal import JOURNAL_FILE, Journal
from podium.records.record import DataPrint, RunRecord, Status, entry_hash

from .processes import end, wait_for_health

TRACKING = {
    "uri": "sqlite:///mlflow.db",
    "artifacts": "mlartifacts",
    "experiment": "podium",
    "follow": True,
    "wait_s": 5.0,
}
HERE = Environment(
    commit="c" * 40,
    diff="",
    diff_sha256="d" * 64,
    lock="e" * 64,
    python="3.11.7",
    versions={"torch": "2.15.0"},
    platform="Linux",
    cpu="a processor",
    cores=2,
    memory_mib=1024,
    gpus=[],
    threads=1,
)


def database(root: Path) -> str:
    """Where MLflow keeps what is below a folder."""
    return f"sqlite:///{root}/mlflow.db"


def config(seed: int = 0, **tracking: Any) -> dict[str, Any]:
    return {
        "name": "dense32",
        "seed": seed,
        "network": {"_target_": "podium.networks.dense.Dense", "widths": [32], "activation": "relu"},
        "tricks": {"dropout": {"_target_": "podium.tricks.dropout.Dropout", "p": 0.5}},
        "paths": {"runs": "runs", "data": "datasets"},
        "tracking": TRACKING | tracking,
    }


def record(seed: int = 0, **changes: Any) -> RunRecord:
    configuration = changes.pop("config", config(seed))
    made = RunRecord(
        name="dense32",
        entry_hash=entry_hash(configuration),
        seed=seed,
        run_key=f"key{seed}",
        status=Status.RUNNING,
        config=configuration,
        environment=HERE,
        started="2026-01-01T00:00:00+00:00",
        data=DataPrint(
            name="digits", content="f" * 64, split="0" * 64, sizes={"train": 9}, test_labels="1" * 64
        ),
    )
    return made.with_(**changes)


def start(folder: Path, *, seed: int = 0, points: int = 3, **changes: Any) -> tuple[Journal, RunRecord]:
    """A run under way in this process."""
    made = record(seed, **changes)
    folder.mkdir(parents=True, exist_ok=True)
    made.save(folder)
    journal = Journal(folder / JOURNAL_FILE)
    journal.start(made.run_key)
    take(journal, 0, points)
    return journal, made


def take(journal: Journal, begin: int, end: int) -> None:
    """Steps of training, each with a loss that only depends on the step."""
    for step in range(begin, end):
        journal.points(step, 0, {"train/loss": 1.0 / (step + 1), "train/top1_error": 0.5 / (step + 1)})
    journal.flush()


def finish(folder: Path, journal: Journal, made: RunRecord, status: Status = Status.FINISHED) -> RunRecord:
    journal.finish(status)
    done = made.with_(
        status=status,
        ended="2026-01-01T00:01:00+00:00",
        metrics={"test/top1_error": 0.125} if status is Status.FINISHED else None,
        costs={"parameters": 25450.0},
    )
    (folder / "config.yaml").write_text("seed: 0\n")
    (folder / "network.safetensors").write_bytes(b"weights" * 1000)
    (folder / "predictions.npz").write_bytes(b"predictions" * 1000)
    (folder / "learning_curves.png").write_bytes(b"png")
    (folder / "last.ckpt").write_bytes(b"not for MLflow")
    done.save(folder)
    return done


def finished(folder: Path, *, seed: int = 0, points: int = 3, **changes: Any) -> RunRecord:
    return finish(folder, *start(folder, seed=seed, points=points, **changes))


def as_dead_process(journal_path: Path) -> None:
    """Rewrite the journal as if its process had ended, without changing anything else."""
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    lines = [json.loads(line) for line in journal_path.read_bytes().splitlines()]
    for line in lines:
        if "pid" in line:
            line["pid"] = gone.pid
    journal_path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def long_ago(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - 60, time.time() - 60))


@dataclass
class Seen:
    """What an MLflow store shows."""

    client: Any

    def runs(self) -> dict[str, Any]:
        experiment = self.client.get_experiment_by_name("podium")
        found = self.client.search_runs([experiment.experiment_id], max_results=1000) if experiment else []
        return {run.data.tags["podium.run_key"]: run for run in found if "podium.run_key" in run.data.tags}

    def groups(self) -> dict[str, Any]:
        experiment = self.client.get_experiment_by_name("podium")
        found = self.client.search_runs([experiment.experiment_id], max_results=1000)
        return {run.data.tags["podium.group"]: run for run in found if "podium.group" in run.data.tags}

    def steps(self, run: Any, name: str = "train/loss") -> Counter[int]:
        return Counter(point.step for point in self.client.get_metric_history(run.info.run_id, name))


class Server:
    """A real MLflow server on this machine, which can be lost and come back."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        from podium.records.mlflow_server import HERE, Address, server_command, server_environment
        from podium.records.target import Target

        target = Target(
            uri=f"sqlite:///{self.folder}/server.db", artifacts=f"{self.folder}/art", experiment="x"
        )
        log = self.folder / "server.log"
        with log.open("ab") as words:
            self.process = subprocess.Popen(
                server_command(target, Address(HERE, self.port), workers=1, accounts=False),
                stdout=words,
                stderr=words,
                cwd=self.folder,
                env={**os.environ, **server_environment()},
                start_new_session=True,
            )
        wait_for_health(self.uri, self.process, log, at_most_s=90)

    def stop(self) -> None:
        if self.process is None:
            return
        end(self.process)
        self.process = None
