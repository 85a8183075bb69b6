"""What the ensembles of a study score: a file beside the records of their members, which hold no predictions."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from podium.leaderboard.ensemble import Ensemble, digest_of
from podium.leaderboard.rows import PREDICTIONS_FILE
from podium.leaderboard.study import Candidate, Study
from podium.records.record import RunRecord, Status, canonical_json

ENSEMBLES_FILE = "ensembles.json"


@dataclass(frozen=True)
class Averaged:
    """What an ensemble scores in place of a run at one seed; ``predictions`` is the hash of those of its members."""

    variant: str
    seed: int
    predictions: str
    metrics: dict[str, float]

    def __post_init__(self) -> None:
        wrong = [
            name for name, value in self.metrics.items() if type(value) is not float or math.isnan(value)
        ]
        if wrong:
            raise ValueError(f"metrics must be numbers, got {self.metrics[wrong[0]]!r} for {wrong[0]}")


def averaged(variant: str, seed: int, ensemble: Ensemble) -> Averaged:
    """What a study keeps of an ensemble."""
    return Averaged(variant, seed, ensemble.digest, ensemble.metrics)


def load_ensembles(study: Study, folder: Path) -> list[Averaged]:
    """The ensembles in a study's folder; none where a study has none.

    Raises:
        ValueError: the file is missing or damaged.
    """
    if not study.members:
        return []
    path = folder / ENSEMBLES_FILE
    try:
        return [Averaged(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, AttributeError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{path} must hold a study's ensembles, got {text}; run the study again") from None


def written(averages: Sequence[Averaged]) -> str:
    """The content of ensembles.json, whatever their order."""
    ordered = sorted(averages, key=lambda one: (one.variant, one.seed))
    return canonical_json([asdict(one) for one in ordered], indent=1) + "\n"


def finished_members(
    study: Study, candidates: Sequence[Candidate], records: Mapping[tuple[str, int], RunRecord]
) -> dict[tuple[str, int], list[RunRecord]]:
    """The members of each ensemble, by variant and seed, where all of them have finished."""
    found = {}
    for one in candidates:
        if one.variant in (study.members or {}):
            for seed, seeds in study.seeds_of(one.variant).items():
                members = [records.get((one.entry_hash, member)) for member in seeds]
                there = [run for run in members if run is not None and run.status is Status.FINISHED]
                if len(there) == len(seeds):
                    found[one.variant, seed] = there
    return found


def check_ensembles(
    members: Mapping[tuple[str, int], Sequence[RunRecord]], averages: Sequence[Averaged]
) -> None:
    """Check that there is one ensemble of every group of members that finished, of just their predictions.

    Raises:
        ValueError: one is missing, there twice, strange, or of other predictions.
    """
    by_value = {(one.variant, one.seed): one for one in averages}
    if len(by_value) < len(averages) or set(by_value) != set(members):
        odd = [f"{variant}, seed {seed}" for variant, seed in sorted(set(by_value) ^ set(members))]
        raise ValueError(
            f"{ENSEMBLES_FILE} must have one ensemble of every {len(members)} whose members finished, got "
            f"{len(averages)}, at odds: {', '.join(odd[:1]) or 'one twice'}; run the study again"
        )
    for (variant, seed), runs in members.items():
        if any(PREDICTIONS_FILE not in (run.files or {}) for run in runs):
            raise ValueError(
                f"members of {variant}, seed {seed}, must name their predictions, got none; run it again"
            )
        if by_value[variant, seed].predictions != digest_of(runs):
            raise ValueError(
                f"{ENSEMBLES_FILE} must be of the members' predictions, got others for {variant}, seed {seed}; "
                "run the study again"
            )
