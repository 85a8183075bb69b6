"""Ablations that never ran: a made-up error for every variation and seed, in records and predictions that agree."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from leaderboard.factory import CLASSES, DATA, ENVIRONMENT, LABEL, make_config, predictions_bytes
from podium.leaderboard.ablation import Ablation, Mode, variations
from podium.leaderboard.board import Entry
from podium.leaderboard.table import Table, make_table
from podium.metrics.classification import evaluate
from podium.records.record import RunRecord, Status, entry_hash

FACTORS = ["tricks.mixup", "tricks.cutout", "augment.flip"]
Error = Callable[[frozenset[str], int], float]  # of the names that are on, at a seed


def make_ablation(factors=FACTORS, modes=("leave_one_out",), **changes) -> Ablation:
    raw = {
        "name": "lecture_cnn",
        "title": f"What {len(factors)} tricks are worth",
        "description": "A network on digits: each is left out of the whole in turn, with the same 5 seeds.",
        "rules": "1.0.0",
        "entries": ["all"],
        "seeds": [0, 1, 2, 3, 4],
        "overrides": ["entry=lecture_cnn", "tricks=[mixup,cutout]", "augment=flip"],
        "columns": ["seeds", "parameters", "train_time"],
        "alpha": 0.05,
        "metric": "validation/top1_error",
        "direction": "min",
        "factors": list(factors),
        "modes": list(modes),
    }
    raw |= changes
    if "entries" not in changes and raw["factors"] and {*raw["modes"]} <= {*Mode}:
        raw["entries"] = [variation.key for variation in variations(raw["factors"], raw["modes"])]
    return Ablation.from_dict(raw)


def config_of(board: Ablation, key: str, seed: int) -> dict:
    """The configuration of a variation: its tricks are named in it, so that it is an entry of its own."""
    off = board.off(key)
    on = [factor for factor in board.factors if factor not in off]
    blocks = {
        group: {name: {"strength": 1} for found, _, name in (f.partition(".") for f in on) if found == group}
        for group in ("tricks", "augment")
    }
    return make_config("lecture_cnn", key, seed, **blocks)


def entries_of(board: Ablation) -> list[Entry]:
    return [
        Entry.from_config(found.key, {**config_of(board, found.key, 0), "name": found.label})
        for found in variations(board.factors, board.modes)
    ]


def predictions(errors: int, seed: int) -> np.ndarray:
    """Probabilities of which exactly so many are wrong; no two seeds are equally sure."""
    little = 0.02 - seed / 10_000
    shown = np.where(np.arange(len(LABEL)) < errors, (LABEL + 1) % CLASSES, LABEL)
    probability = np.full((len(LABEL), CLASSES), little)
    probability[np.arange(len(LABEL)), shown] = 1 - 9 * little
    return probability.astype(np.float32)


def make_record(
    board: Ablation, key: str, seed: int, error: float, costs: Mapping[str, float]
) -> tuple[RunRecord, bytes]:
    config = config_of(board, key, seed)
    probability = predictions(round(error * len(LABEL)), seed)
    content = predictions_bytes(probability)
    record = RunRecord(
        name=key,
        entry_hash=entry_hash(config),
        seed=seed,
        run_key=f"{key}-{seed}",
        status=Status.FINISHED,
        config=config,
        environment=ENVIRONMENT,
        started="2026-01-02T03:04:05+00:00",
        data=DATA,
        metrics={
            **evaluate({"probability": probability, "label": LABEL}),
            "validation/top1_error": error,
            "validation/loss": 2 * error,
        },
        costs={**costs, "parameters": 1000.0},
        files={"predictions.npz": hashlib.sha256(content).hexdigest()},
    )
    return record, content


def records(
    board: Ablation, error: Error, *, lost: Mapping[tuple[str, int], Status] = {}, seconds: str = "train_s"
) -> dict:
    """Every planned run; those in ``lost`` did not finish. A trick costs two of these seconds."""
    found = {}
    for variation in variations(board.factors, board.modes):
        names = frozenset(factor.partition(".")[2] for factor in variation.on)
        for seed in board.seeds:
            costs = {seconds: 10.0 + 2 * len(variation.on) + seed}
            record, content = make_record(board, variation.key, seed, error(names, seed), costs)
            if status := lost.get((variation.key, seed)):
                record = replace(
                    record, status=status, error=f"it {status}", metrics=None, costs=None, files=None
                )
            found[variation.key, seed] = (record, content)
    return found


def make(board: Ablation, error: Error, **more) -> Table:
    made = [record for record, _ in records(board, error, **more).values()]
    return make_table(board, entries_of(board), made)


def write(board: Ablation, error: Error, runs: Path, **more) -> Sequence[Path]:
    """The folders of all runs."""
    folders = []
    for (key, seed), (record, content) in records(board, error, **more).items():
        folder = runs / f"{key}-{record.entry_hash[:8]}-s{seed}"
        folder.mkdir(parents=True)
        record.save(folder)
        if record.metrics is not None:
            (folder / "predictions.npz").write_bytes(content)
        folders.append(folder)
    return folders


def noise(names: frozenset[str], seed: int, size: float = 0.004) -> float:
    """Of one variation and seed, with what all variations of a seed have in common."""
    own = np.random.default_rng([seed, *"".join(sorted(names)).encode()]).normal(0, size)
    return float(own + np.random.default_rng(seed).normal(0, 0.02))
