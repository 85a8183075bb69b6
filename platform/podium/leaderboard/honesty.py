"""What looks too good on a board or in a study: chosen, repeated or hidden seeds, selection on the test split.

Every doubt follows from what was run: from the records, and on a board from the account of all runs beside them
(tried.json). Pages show their doubts, and ``podium verify`` names those of a board. What the records cannot show: runs
whose records were deleted before the board was built. Against those helps only training again (``podium reproduce``).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from podium.leaderboard.board import Board, Entry
from podium.leaderboard.problem import Problem
from podium.leaderboard.rows import PREDICTIONS_FILE, SUMMARY_FILE
from podium.leaderboard.runs import record_key
from podium.leaderboard.tried import TRIED_FILE, Trial
from podium.records.record import RECORD_FILE, RunRecord

Runs = dict[str, list[RunRecord]]  # by the hash of their entry, by seed


def doubts(
    board: Board, entries: Sequence[Entry], records: Sequence[RunRecord], tried: Sequence[Trial] | None
) -> list[Problem]:
    """Everything on a board that its records speak against; empty for an honest one."""
    found = doubts_of_records(board.seeds, records, file=SUMMARY_FILE)
    return [*found, *hidden_runs(board, entries, _by_entry(records), tried or [])]


def doubts_of_records(seeds: Sequence[int], records: Sequence[RunRecord], *, file: str) -> list[Problem]:
    """What the planned seeds, which stand in ``file``, and the records of their runs show by themselves."""
    runs = _by_entry(records)
    ordered = [record for of_entry in runs.values() for record in of_entry]
    return [*chosen_seeds(seeds, file), *repeated_seeds(runs), *selected_on_test(ordered)]


def chosen_seeds(seeds: Sequence[int], file: str) -> Iterator[Problem]:
    """Seeds are counted on from one number: any other list may be a choice."""
    first = min(seeds)
    counted = list(range(first, first + len(seeds)))
    if sorted(seeds) != counted:
        yield Problem(file, "seeds", f"{seeds}", f"a choice: counted on they are {counted}")


def repeated_seeds(runs: Runs) -> Iterator[Problem]:
    """Two seeds are two runs: not one key, nor the same predictions in the same measured time, nor the same probabilities
    where other seeds of the entry have others.
    """
    for of_entry in runs.values():
        several = len({_predictions(record) for record in of_entry}) > 1
        for one, other in combinations(of_entry, 2):
            if why := _one_run(one, other, several=several):
                file = f"records/{record_key(other)}/{RECORD_FILE}"
                yield Problem(
                    file, "seed", f"{other.seed}, a run of its own", f"seed {one.seed} again: {why}"
                )


def selected_on_test(records: Sequence[RunRecord]) -> Iterator[Problem]:
    """The test split takes no part in training: no setting names it, and no history holds its metrics."""
    for record in records:
        file = f"records/{record_key(record)}/{RECORD_FILE}"
        # a look at the whole first: a walk takes ten times as long, and nearly no configuration names the split
        for key in _naming_test(record.config) if "test/" in repr(record.config) else ():
            yield Problem(file, f"config.{key}", "a setting of training", "it selects by the test split")
        if read := sorted(name for name in record.history or {} if name.startswith("test/")):
            yield Problem(
                file, "history", "training and validation", f"the test split read in training: {read[0]}"
            )


def hidden_runs(
    board: Board, entries: Sequence[Entry], runs: Runs, tried: Sequence[Trial]
) -> Iterator[Problem]:
    """The runs of an entry are on the board, whatever their seed and however they ended; and each was one run."""
    names = {entry.entry_hash: entry.name for entry in entries}
    for digest, name in names.items():
        own = [trial for trial in tried if trial.entry_hash == digest]
        there = {record.seed: record.run_key for record in runs.get(digest, [])}
        if more := sorted({trial.seed for trial in own} - set(board.seeds)):
            text = f"{len(board.seeds)} seeds of {name}"
            yield Problem(TRIED_FILE, "seeds", text, f"{len(more)} more that were run: {_listed(more)}")
        for trial in own:
            if trial.seed in board.seeds and trial.seed not in there:
                text = f"{trial.status} ({trial.run_key[:8]}), and left away"
                yield Problem(TRIED_FILE, f"seed {trial.seed} of {name}", "no run", text)
            elif trial.seed in there and trial.run_key != there[trial.seed]:
                text = f"another one too ({trial.run_key[:8]}, {trial.status})"
                yield Problem(TRIED_FILE, f"seed {trial.seed} of {name}", "one run", text)


def _by_entry(records: Sequence[RunRecord]) -> Runs:
    runs: Runs = defaultdict(list)
    for record in sorted(records, key=lambda record: (record.entry_hash, record.seed)):
        runs[record.entry_hash].append(record)
    return runs


def _one_run(one: RunRecord, other: RunRecord, *, several: bool) -> str | None:
    if one.run_key == other.run_key:
        return "the same run key"
    if _predictions(one) is None or _predictions(one) != _predictions(other):
        return None
    seconds = [(record.costs or {}).get("train_s") for record in (one, other)]
    if seconds[0] is not None and seconds[0] == seconds[1]:
        return "the same predictions, trained in the same time"
    if several and "test/loss" in (one.metrics or {}):  # decisions without probabilities may agree
        return "the same probabilities, which other seeds do not have"
    return None


def _predictions(record: RunRecord) -> str | None:
    return (record.files or {}).get(PREDICTIONS_FILE)


def _naming_test(config: Any, prefix: str = "") -> Iterator[str]:
    """The keys whose values name a metric of the test split."""
    parts: Any = (
        config.items()
        if isinstance(config, Mapping)
        else enumerate(config)
        if isinstance(config, list)
        else ()
    )
    for key, value in parts:
        if isinstance(value, str) and value.startswith("test/"):
            yield f"{prefix}{key}"
        yield from _naming_test(value, f"{prefix}{key}.")


def _listed(seeds: Sequence[int]) -> str:
    shown = ", ".join(map(str, seeds[:8]))
    return f"{shown} and {len(seeds) - 8} more" if len(seeds) > 8 else shown
