"""`podium study`: train what a study lacks, judge its claim, and write its page and the book of all from records."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from podium.leaderboard.study import STUDY_FILE, Candidate, Study, check_candidates
from podium.leaderboard.study_page import BOOK_FILE, book, build, load_records, rebuild
from podium.leaderboard.study_results import Results, choose
from podium.leaderboard.study_words import answer
from podium.records.files import write_atomically
from podium.records.record import RunRecord, Status
from podium.run.errors import ConfigError
from podium.run.folders import find_folders, find_record
from podium.run.study import (
    averages_of,
    before_config,
    candidate_configs,
    candidates_of,
    check_members,
    entry_hash_of,
    load_study,
    signal_record,
    study_names,
)
from podium.run.study_scores import scored_again
from podium.sweep.lacking import tagged, train_lacking
from podium.sweep.packs import Pack

Config = dict[str, Any]


def study_command(
    action: str, names: Sequence[str], *, out: Path, concurrency: int | None, pack: Pack
) -> int:
    """Run the named studies or all, or only write the pages of those in a folder again; then the book.

    Of all, those that cannot run, such as for want of data, are left out and said, and the answer is 1.

    Raises:
        ConfigError: no such study, or a named one that cannot run.
    """
    if (action == "run") is not bool(names):
        wanted = f"one or more of {', '.join(study_names())}" if action == "run" else "nothing more"
        raise ConfigError(f"podium study {action} takes {wanted}, got {' '.join(names) or 'none'}")
    left_out: dict[str, str] = {}
    try:
        if action == "pages":
            found = [rebuild(path.parent) for path in sorted(out.glob(f"*/{STUDY_FILE}"))]
            if not found:
                raise ConfigError(f"out must be a folder of studies, got none in {out}; name it with --out")
        else:
            found, left_out = _run(names, out, concurrency, pack)
        costly = [study for study in map(load_study, study_names()) if study.cost]
        write_atomically(out / BOOK_FILE, book(out, costly=costly).encode())
    except ConfigError:
        raise
    except ValueError as error:  # of a room that knows no ConfigError
        raise ConfigError(str(error)) from None
    for one in found:
        print(f"{one.study.name}: {one.verdict}: {answer(one)}")
        for trouble in one.troubles:
            print(f"not counted: {trouble.variant}, seed {trouble.seed}: {trouble.status} ({trouble.reason})")
        for doubt in one.doubts:
            print(f"doubt: {doubt}")
        print(f"page: {out / one.study.name / 'index.html'}")
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    return 1 if left_out else 0


def _run(
    names: Sequence[str], out: Path, concurrency: int | None, pack: Pack
) -> tuple[list[Results], dict[str, str]]:
    """Studies that ran, and of all why others could not; costly ones run when they are named."""
    found: list[Results] = []
    left_out: dict[str, str] = {}
    for study in [load_study(name) for name in names or study_names()]:
        if study.cost and not names:
            print(f"not run: {study.name} takes {study.cost}; podium study run {study.name}")
            continue
        try:
            with _needing(study):
                found.append(run_study(study, out / study.name, concurrency=concurrency, pack=pack))
        except ConfigError as error:
            if names:
                raise
            left_out[study.name] = str(error)
    return found, left_out


@contextmanager
def _needing(study: Study) -> Iterator[None]:
    """Where data cannot be had: say with it how the files are made that the study needs."""
    try:
        yield
    except ConfigError as error:
        if study.needs is None or not str(error).startswith("data: "):
            raise
        raise ConfigError(f"{error}; {study.name} needs {study.needs}") from None


def run_study(study: Study, out: Path, *, concurrency: int | None, pack: Pack) -> Results:
    """Bring one study up to date: its runs, what its variants choose, and its folder.

    Raises:
        ConfigError: a configuration cannot run or be an ensemble, and nothing was trained; or the run before did not finish.
        ValueError: two variants are the same experiment, and nothing was trained; or the folder or the records in it are
            of something else.
    """
    check_members(study)
    begun, before = _begun(study, concurrency, pack)
    candidates = candidates_of(begun)
    check_candidates(begun, candidates)
    signal = study.measure == "signal"
    records = _measured(begun, candidates, out) if signal else _trained(begun, candidates, concurrency, pack)
    averages = averages_of(begun, candidates, records)
    return build(study, candidates, records, out, before=before, averages=averages)


def _begun(study: Study, concurrency: int | None, pack: Pack) -> tuple[Study, RunRecord | None]:
    """The study with the network of the run before, which is trained unless it is there, and that run's record."""
    if study.before is None:
        return study, None
    config = tagged(before_config(study), kind="study", name=study.name, key="before")
    train_lacking(f"{study.title}, the run before", [config], concurrency=concurrency, pack=pack)
    record = find_record(config)
    if record is None or record.status is not Status.FINISHED:
        found = f"one that is {record.status} ({record.error})" if record else "none"
        raise ConfigError(f"{study.name}: the run before must finish, got {found}; correct before")
    folder = Path(config["paths"]["runs"]) / find_folders(config)[0].name
    return study.begun(folder.as_posix()), record


def _trained(
    study: Study, candidates: Sequence[Candidate], concurrency: int | None, pack: Pack
) -> list[RunRecord]:
    """The records of the choice, if there is one, and of the comparison; what lacks is trained first."""
    records: list[RunRecord] = []
    if study.choose is not None:
        records += _bring(study, candidates, study.choose.seeds, concurrency, pack)
    by_run = {(record.entry_hash, record.seed): record for record in records}
    return records + _bring(study, choose(study, candidates, by_run), None, concurrency, pack)


def _bring(
    study: Study,
    candidates: Sequence[Candidate],
    seeds: list[int] | None,
    concurrency: int | None,
    pack: Pack,
) -> list[RunRecord]:
    planned = _planned(study, candidates, seeds)
    train_lacking(study.title, planned, concurrency=concurrency, pack=pack)
    found = [record for config in planned if (record := find_record(config)) is not None]
    if study.scored_on == "test":
        return found
    return [scored_again(record, study.scored_on) for record in found]


def _measured(study: Study, candidates: Sequence[Candidate], out: Path) -> list[RunRecord]:
    """Records of measurements: those in the study's folder, and new ones for what it lacks."""
    known = {(record.entry_hash, record.seed): record for record in load_records(out)}
    records = []
    for config in _planned(study, candidates, None):
        key = (entry_hash_of([config]), config["seed"])
        records.append(known[key] if key in known else signal_record(config))
    return records


def _planned(study: Study, candidates: Sequence[Candidate], seeds: list[int] | None) -> list[Config]:
    """A configuration for each candidate and seed; without seeds, for all that its values need."""

    def needed(variant: str) -> list[int]:
        return (
            [seed for group in study.seeds_of(variant).values() for seed in group] if seeds is None else seeds
        )

    return [
        tagged(config, kind="study", name=study.name, key=one.variant)
        for one in candidates
        for config in candidate_configs(study, one.variant, one.value, needed(one.variant))
    ]
