"""Studies that never ran: definitions, and records with chosen values."""

from typing import Any

from leaderboard.factory import DATA, ENVIRONMENT, make_config
from podium.leaderboard.study import Candidate, Study
from podium.records.record import RunRecord, Status, entry_hash

METRIC = "test/top1_error"


def raw_study(**changes: Any) -> dict[str, Any]:
    return {
        "name": "example",
        "title": "An example",
        "claim": "a makes fewer errors than b.",
        "source": "The lectures",
        "notes": "Nothing was trained.",
        "rules": "1.0.0",
        "measure": "training",
        "overrides": ["data=digits"],
        "variants": {"a": ["network=linear"], "b": ["network=dense32"]},
        "choose": None,
        "seeds": [0, 1, 2, 3, 4],
        "metric": METRIC,
        "direction": "min",
        "comparisons": [{"better": "a", "worse": "b"}],
        "alpha": 0.05,
        **changes,
    }


def make_study(**changes: Any) -> Study:
    return Study.from_dict(raw_study(**changes))


def make_candidate(variant: str, value: float | None = None) -> Candidate:
    return Candidate(variant, value, entry_hash(config_of(variant, value, 0)))


def config_of(variant: str, value: float | None, seed: int) -> dict[str, Any]:
    return make_config(variant, variant, seed, optimizer={"lr": value})


def make_record(
    variant: str, seed: int, metrics: dict[str, float] | None, value: float | None = None
) -> RunRecord:
    """A finished run with these metrics; without, one that diverged."""
    config = config_of(variant, value, seed)
    return RunRecord(
        name=variant,
        entry_hash=entry_hash(config),
        seed=seed,
        run_key=f"{variant}-{value}-{seed}",
        status=Status.FINISHED if metrics is not None else Status.DIVERGED,
        config=config,
        environment=ENVIRONMENT,
        started="2026-01-02T03:04:05+00:00",
        ended="2026-01-02T03:05:05+00:00",
        error=None if metrics is not None else "the loss was NaN",
        data=DATA,
        metrics=metrics,
        costs={"train_s": 60.0},
        history={"train/loss": [[1, 0.5]]},
    )


def make_records(values: dict[str, list[float]]) -> list[RunRecord]:
    return [
        make_record(variant, seed, {METRIC: value})
        for variant, found in values.items()
        for seed, value in enumerate(found)
    ]
