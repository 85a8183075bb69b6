"""The command `podium ensemble`: finished runs that predict together, or one run whose dropout is left on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from podium.leaderboard.ensemble import Ensemble, Gain, make_ensemble
from podium.records.files import sha256_of, write_atomically
from podium.records.record import RunRecord, canonical_json
from podium.run.errors import ConfigError
from podium.run.folders import PREDICTIONS_FILE, find_folders

ENSEMBLE_FILE = "ensemble.json"
SCHEMA = 1


def ensemble_command(folders: Sequence[Path], *, out: Path, mc_dropout: int | None) -> int:
    """Print the errors of members and ensemble, and keep what it predicts."""
    if mc_dropout is not None:
        return _mc_dropout(folders, samples=mc_dropout)
    try:
        found = make_ensemble(folders)
    except ValueError as error:  # of a room that knows no ConfigError
        raise ConfigError(str(error)) from None
    for record, missed in zip(found.members, found.errors, strict=True):
        print(f"{f'{record.name}, seed {record.seed}':<28} top-1 error {100 * missed:.2f} %")
    mean = sum(found.errors) / len(found.errors)
    print(f"{f'mean of {len(found.errors)} members':<28} top-1 error {100 * mean:.2f} %")
    print(f"{'ensemble':<28} {_scores(found.metrics)}")
    print(_gain("the mean member", found.gain, len(found.arrays["label"])))
    costs = found.costs
    spent = {
        "train_s": "s of training",
        "packed_s": "s of training as a part of packs",
    }
    took = [f", {costs[name]:.1f} {what}" for name, what in spent.items() if name in costs]
    print(
        f"cost of all members: {costs['parameters']:,.0f} parameters, {costs['multiply_adds']:,.0f} multiply-adds a "
        f"sample{''.join(took)}"
    )
    print(f"predictions: {keep(found, out)}")
    return 0


def ensembles_again(
    published: Sequence[Mapping[str, Any]], again: Sequence[RunRecord], metric: str
) -> Iterator[str]:
    """What published ensembles score when their members were trained again, a line each."""
    for ensemble in published:
        members = [record for record in again if record.seed in ensemble["seeds"]]
        name = f"ensemble of seeds {', '.join(str(seed) for seed in ensemble['seeds'])}"
        before = ensemble["metrics"].get(metric)
        if not isinstance(before, float) or any(record.metrics is None for record in members) or not members:
            yield f"  {name}: not all members finished"
            continue
        after = make_ensemble([find_folders(record.config)[0] for record in members]).metrics[metric]
        yield f"  {name}: {metric} {after:.6f}, published {before:.6f}"


def keep(found: Ensemble, out: Path) -> Path:
    """Write predictions.npz and ensemble.json into a folder of the ensemble's own below ``out``."""
    from podium.run.score import save_predictions

    folder = out / f"{len(found.members)}-members-{found.digest[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    save_predictions(folder / PREDICTIONS_FILE, found.arrays)
    document = {
        "schema": SCHEMA,
        "members": [
            {
                "name": record.name,
                "entry_hash": record.entry_hash,
                "seed": record.seed,
                "run_key": record.run_key,
                "predictions": (record.files or {})[PREDICTIONS_FILE],
                "top1_error": error,
            }
            for record, error in zip(found.members, found.errors, strict=True)
        ],
        "metrics": found.metrics,
        "costs": found.costs,
        "gain": asdict(found.gain),
        "files": {PREDICTIONS_FILE: sha256_of(folder / PREDICTIONS_FILE)},
    }
    write_atomically(folder / ENSEMBLE_FILE, (canonical_json(document, indent=1) + "\n").encode())
    return folder


def _mc_dropout(folders: Sequence[Path], *, samples: int) -> int:
    if len(folders) != 1:
        raise ConfigError(f"--mc-dropout needs one run, got {len(folders)}; name one folder")
    from podium.run.mc_dropout import compare

    found = compare(folders[0], samples=samples)
    print(f"{'weight scaling':<28} {_scores(found.scaled)}")
    print(f"{'one sampled network (mean)':<28} top-1 error {100 * found.member_error:.2f} %")
    print(f"{f'mean of {samples} sampled':<28} {_scores(found.averaged)}")
    print(_gain("weight scaling", found.gain, found.examples))
    return 0


def _scores(metrics: Mapping[str, Any]) -> str:
    return f"top-1 error {100 * metrics['test/top1_error']:.2f} %, loss {metrics['test/loss']:.4f}"


def _gain(what: str, gain: Gain, examples: int) -> str:
    low, high = 100 * gain.low, 100 * gain.high
    return (
        f"error against {what}: {100 * gain.difference:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}, paired "
        f"over {examples} test examples; other trainings would change it too"
    )
