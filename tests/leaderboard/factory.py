"""Runs that never ran: records and predictions with chosen errors, whole and consistent."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from podium.leaderboard.board import Board, Entry
from podium.metrics.classification import evaluate
from podium.records.environment import Environment
from podium.records.record import DataPrint, RunRecord, Status, entry_hash

EXAMPLES, CLASSES, EPOCHS = 360, 10, 12
LABEL = np.random.default_rng(42).integers(0, CLASSES, EXAMPLES)
INDEX = np.arange(1000, 1000 + EXAMPLES)
DATA = DataPrint(
    name="digits",
    content="c" * 64,
    split="d" * 64,
    sizes={"train": 1167, "validation": 270, "test": EXAMPLES},
    test_labels=hashlib.sha256(LABEL.astype("<i8").tobytes()).hexdigest(),
)
ENVIRONMENT = Environment(
    commit="1234567890abcdef1234567890abcdef12345678",
    diff="",
    diff_sha256=hashlib.sha256(b"").hexdigest(),
    lock="e" * 64,
    python="3.11.9",
    versions={"podium": "0.1.0", "torch": "2.15.0", "pytorch-lightning": "2.6.6", "numpy": "2.4.6"},
    platform="Linux-6.1-x86_64-with-glibc2.36",
    cpu="Example CPU @ 2.40GHz",
    cores=2,
    memory_mib=16000,
    gpus=[],
    threads=1,
)
# name, test error, parameters, multiply-adds, depth
NETWORKS: dict[str, tuple[str, float, int, int, int]] = {
    "linear": ("linear", 0.045, 650, 640, 1),
    "dense32": ("dense 32", 0.036, 2410, 2368, 2),
    "dense512": ("dense 512", 0.025, 38410, 37888, 2),
    "dense_dropout": ("dense 1024-1024, dropout", 0.020, 1_126_410, 1_124_352, 3),
    "dense_bn": ("dense 200-100-100, batch norm", 0.028, 45_010, 44_000, 4),
    "lecture_cnn": ("lecture CNN", 0.017, 16_426, 215_000, 4),
    "lecture_cnn_dropout_l2": ("lecture CNN, dropout + L2", 0.015, 16_426, 215_000, 4),
    "functional_cnn_skip": ("functional CNN, skip", 0.011, 47_000, 1_100_000, 6),
    "cifar_resnet20": ("ResNet-20", 0.008, 272_186, 2_540_000, 20),
    "cifar_resnet20_ema": ("ResNet-20, averaged weights", 0.0078, 272_186, 2_540_000, 20),
}
COLUMNS = [
    "row",
    "rank",
    "entry",
    "top1_error",
    "top3_error",
    "seed_spread",
    "test_set_error",
    "seeds",
    "parameters",
    "depth",
    "size",
    "multiply_adds",
    "inference_speed",
    "train_speed",
    "train_time",
    "activations",
    "peak_memory",
    "conditions",
]


def make_config(key: str, name: str, seed: int, **extra: Any) -> dict[str, Any]:
    return {
        "name": name,
        "seed": seed,
        "task": {"_target_": "podium.tasks.classification.Classification", "num_classes": CLASSES},
        "network": {"_target_": f"podium.networks.{key}.Network"},
        "data": {"_target_": "podium.data.digits.Digits", "root": "datasets", "seed": seed},
        "paths": {"data": "datasets", "runs": "runs"},
        "runtime": {"threads": 1},
        "tracking": {"uri": None},
        **extra,
    }


def make_entry(key: str, name: str | None = None) -> Entry:
    shown = name or NETWORKS.get(key, (key,))[0]
    return Entry.from_config(key, make_config(key, shown, 0))


def make_board(keys: list[str], **changes: Any) -> Board:
    raw = {
        "name": "digits",
        "title": "Handwritten digits",
        "description": "Networks and tricks under identical conditions on the 1,797 scans of the UCI digits.",
        "rules": "1.0.0",
        "entries": keys,
        "seeds": [0, 1, 2, 3, 4],
        "overrides": ["data=digits", "trainer.max_epochs=12"],
        "columns": COLUMNS,
        "alpha": 0.05,
        "metric": "test/top1_error",
        "direction": "min",
    }
    return Board.from_dict({**raw, **changes})


def make_prediction(error: float, generator: np.random.Generator) -> np.ndarray:
    """Probabilities whose top-1 error is close to ``error``."""
    wrong = generator.random(EXAMPLES) < error
    shown = np.where(wrong, (LABEL + generator.integers(1, CLASSES, EXAMPLES)) % CLASSES, LABEL)
    probability = generator.dirichlet(np.full(CLASSES, 0.3), EXAMPLES) * 0.3
    probability[np.arange(EXAMPLES), shown] += 0.7
    return probability.astype(np.float32)


def predictions_bytes(probability: np.ndarray, label: np.ndarray = LABEL) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, index=INDEX, label=label, probability=probability)
    return buffer.getvalue()


def make_history(error: float, generator: np.random.Generator) -> dict[str, list[list[float]]]:
    epochs = np.arange(1, EPOCHS + 1)
    values = error + 0.6 * np.exp(-epochs / 2.2) * generator.uniform(0.8, 1.2, EPOCHS)
    return {
        "validation/top1_error": [
            [18 * int(k), round(float(v), 6)] for k, v in zip(epochs, values, strict=True)
        ]
    }


def make_costs(key: str, generator: np.random.Generator) -> dict[str, float]:
    _, _, parameters, multiply_adds, depth = NETWORKS.get(key, ("", 0.0, 1000, 2000, 2))
    speed = 4e7 / (multiply_adds + 2000) * generator.uniform(0.95, 1.05)
    return {
        "parameters": float(parameters),
        "depth": float(depth),
        "size_mib": parameters * 4 / 2**20,
        "multiply_adds": float(multiply_adds),
        "activations": 1000.0,
        "inference_images_per_s": speed,
        "train_images_per_s": speed / 3,
        "train_s": 1167 * EPOCHS / (speed / 3),
        "peak_memory_mib": 400.0,
    }


def write_run(
    runs: Path,
    key: str,
    seed: int,
    *,
    name: str | None = None,
    rate: float | None = None,
    environment: Environment = ENVIRONMENT,
    **changes: Any,
) -> Path:
    """A finished run's folder; ``changes`` replace fields of its record."""
    shown, usual, *_ = NETWORKS.get(key, (key, 0.02))
    generator = np.random.default_rng([seed, *key.encode()])
    probability = make_prediction(usual if rate is None else rate, generator)
    config = make_config(key, name or shown, seed)
    content = predictions_bytes(probability)
    record = RunRecord(
        name=name or shown,
        entry_hash=entry_hash(config),
        seed=seed,
        run_key=f"{key}-{seed}",
        status=Status.FINISHED,
        config=config,
        environment=environment,
        started="2026-01-02T03:04:05+00:00",
        ended="2026-01-02T03:05:05+00:00",
        data=DATA,
        metrics=evaluate({"probability": probability, "label": LABEL}),
        costs=make_costs(key, generator),
        history=make_history(usual, generator),
        files={"predictions.npz": hashlib.sha256(content).hexdigest()},
    )
    folder = runs / f"{key}-{record.entry_hash[:8]}-s{seed}"
    folder.mkdir(parents=True)
    (folder / "predictions.npz").write_bytes(content)
    replace(record, **changes).save(folder)
    return folder


def write_failure(
    runs: Path, key: str, seed: int, status: Status, error: str, name: str | None = None
) -> Path:
    """A run that failed or diverged: no metrics, no predictions."""
    folder = write_run(
        runs,
        key,
        seed,
        name=name,
        status=status,
        error=error,
        metrics=None,
        costs=None,
        history=None,
        files=None,
    )
    (folder / "predictions.npz").unlink()
    return folder


def write_runs(runs: Path, keys: list[str], seeds: range = range(5)) -> list[Path]:
    return [write_run(runs, key, seed) for key in keys for seed in seeds]
