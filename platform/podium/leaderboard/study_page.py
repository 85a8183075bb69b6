"""A study's folder: pages, pictures, records and checksums, the same bytes from the same records; and the book of studies.

Records stand there without the histories of their metrics and without predictions: a verdict needs neither.
"""

import json
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from podium.leaderboard import study_words as words
from podium.leaderboard.build import CHECKSUMS_FILE, RECORDS_FOLDER, checksums_of, files_of
from podium.leaderboard.render import template
from podium.leaderboard.statistics import BOOTSTRAP_FROM
from podium.leaderboard.study import STUDY_FILE, Candidate, Study
from podium.leaderboard.study_before import BEFORE_FOLDER, load_before
from podium.leaderboard.study_ensembles import ENSEMBLES_FILE, Averaged, load_ensembles, written
from podium.leaderboard.study_plot import alone, effects_plot, seeds_plot
from podium.leaderboard.study_results import Results, results
from podium.leaderboard.study_verdict import Outcome
from podium.leaderboard.summary import builders
from podium.leaderboard.table import record_key
from podium.leaderboard.text import rounded
from podium.records.record import RECORD_FILE, RunRecord

SCHEMA = 1
BOOK_FILE = "README.md"


def build(
    study: Study,
    candidates: Sequence[Candidate],
    records: Sequence[RunRecord],
    out: Path,
    *,
    before: RunRecord | None = None,
    averages: Sequence[Averaged] = (),
) -> Results:
    """Judge a study and write its folder, whole or not at all, with the record of the run ``before`` and ensembles' values.

    Raises:
        ValueError: one line: records of other runs or data, or ``out`` is something else.
    """
    out = out.absolute()
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / STUDY_FILE).is_file())):
        raise ValueError(f"out must be a study's folder, an empty one or none, got {out}; name another")
    found = results(
        study,
        candidates,
        [record.with_(history=None) for record in records],
        before=before and before.with_(history=None),
        averages=averages,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        new = Path(folder) / out.name
        new.mkdir(mode=0o755)
        for name, content in render(found).items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
        (new / CHECKSUMS_FILE).write_bytes(checksums_of(new))
        if out.exists():
            out.replace(Path(folder) / "old")
        new.replace(out)
    return found


def load(folder: Path) -> Results:
    """What the records in a study's folder say, whatever its pages say.

    Raises:
        ValueError: it is no study, or damaged.
    """
    path = folder / STUDY_FILE
    if not path.is_file():
        raise ValueError(
            f"{folder} must be a study's folder, got no {STUDY_FILE}; podium study run makes one"
        )
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        study = Study.from_dict(raw["study"])
        candidates = [Candidate(**one) for one in raw["candidates"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} must hold a study, got {' '.join(str(error).split())}") from None
    before, averages = load_before(study, folder), load_ensembles(study, folder)
    return results(study, candidates, load_records(folder), before=before, averages=averages)


def load_records(folder: Path) -> list[RunRecord]:
    """The records in a study's folder; none where there is no such folder."""
    return [
        RunRecord.load(path.parent) for path in sorted((folder / RECORDS_FOLDER).glob(f"*/{RECORD_FILE}"))
    ]


def rebuild(folder: Path) -> Results:
    """Write a study's pages again from the records beside them."""
    found = load(folder)
    before = found.before.record if found.before else None
    return build(found.study, found.candidates, found.records, folder, before=before, averages=found.averages)


def edited(folder: Path) -> list[str]:
    """The files of a study's folder that are not what its records give; none where all is right."""
    with tempfile.TemporaryDirectory() as place:
        again = Path(shutil.copytree(folder, Path(place) / folder.name))
        rebuild(again)
        names = sorted({*files_of(folder), *files_of(again)})
        return [name for name in names if not _same(folder / name, again / name)]


def book(folder: Path, *, costly: Sequence[Study] = ()) -> str:
    """The book's page: every study below a folder with its claim, verdict and effects, and the ``costly`` ones not there."""
    found = [load(path.parent) for path in sorted(folder.glob(f"*/{STUDY_FILE}"))]
    page: str = template("studies.md.j2", autoescape=False).render(
        found=found,
        words=words,
        counts=Counter(str(one.verdict) for one in found),
        costly=[study for study in costly if not (folder / study.name).is_dir()],
    )
    return page


def render(found: Results) -> dict[str, bytes]:
    """Every file of a study's folder except its checksums, by name."""
    pictures = {"seeds": seeds_plot(found), "effects": effects_plot(found)}
    values = {
        "results": found,
        "study": found.study,
        "words": words,
        "runs": len(found.runs) + sum(one.status == "missing" for one in found.troubles),
        "environments": _environments(found),
        "builders": builders(),
        "bootstrap_from": BOOTSTRAP_FROM,
        "style": Markup(template("board.css", autoescape=False).render()),
        "pictures": {name: Markup(svg) for name, svg in pictures.items()},
    }
    files = {f"{RECORDS_FOLDER}/{record_key(one)}/{RECORD_FILE}": one.to_json() for one in found.records}
    if found.before:
        files[f"{BEFORE_FOLDER}/{RECORD_FILE}"] = found.before.record.to_json()
    if found.study.members:
        files[ENSEMBLES_FILE] = written(found.averages)
    files |= {f"{name}.svg": alone(svg) for name, svg in pictures.items()}
    files["index.html"] = template("study.html.j2", autoescape=True).render(values)
    files["study.md"] = template("study.md.j2", autoescape=False).render(values)
    files[STUDY_FILE] = json.dumps(_summary(found), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    return {name: text.encode() for name, text in files.items()}


def _summary(found: Results) -> dict[str, Any]:
    more: dict[str, Any] = {"doubts": [str(doubt) for doubt in found.doubts]} if found.doubts else {}
    if found.before:
        record = found.before.record
        more["before"] = {
            "entry_hash": record.entry_hash,
            "seed": record.seed,
            "weights": found.before.weights,
        }
    if found.study.members:
        more["ensembles"] = {
            name: {str(seed): list(seeds) for seed, seeds in found.study.seeds_of(name).items()}
            for name in found.study.members
        }
    return {
        "schema": SCHEMA,
        "study": found.study.to_dict(),
        "candidates": [asdict(one) for one in found.candidates],
        "built_with": builders(),
        "verdict": str(found.verdict),
        "outcomes": [_outcome(one) for one in found.outcomes],
        "variants": {
            one.name: {
                "chosen": one.candidate.value,
                "entry_hash": one.candidate.entry_hash,
                "mean": _number(one.mean),
                "interval": [_number(one.low), _number(one.high)],
                "values": {str(seed): value for seed, value in one.values.items()},
            }
            for one in found.variants
        },
        "troubles": [asdict(one) for one in found.troubles],
        "data": asdict(found.data) if found.data else None,
        **more,
    }


def _outcome(one: Outcome) -> dict[str, Any]:
    return {
        "comparison": {key: value for key, value in asdict(one.comparison).items() if value is not None},
        "effect": _number(one.effect.mean),
        "interval": [_number(one.effect.low), _number(one.effect.high)],
        "p_corrected": _number(one.effect.p),
        "verdict": str(one.verdict),
        "seeds": one.effect.seeds,
        "detectable": None if one.detectable is None else _number(one.detectable),
        "seeds_needed": one.seeds_needed,
    }


def _number(value: float) -> float | None:
    """Ten digits; null for nan, which JSON has no word for."""
    return None if math.isnan(value) else rounded(value)


def _environments(found: Results) -> list[tuple[str, int]]:
    """What the runs ran on, in one line each, with how many did."""
    lines = Counter(
        f"commit {(one.commit or 'unknown')[:12]}{' with uncommitted changes' if one.diff else ''}, "
        f"{' + '.join(one.gpus) or one.cpu}, {one.threads} thread a run; {one.platform}; Python {one.python}, "
        + ", ".join(f"{name} {version}" for name, version in sorted(one.versions.items()))
        for one in (record.environment for record in found.runs)
    )
    return sorted(lines.items(), key=lambda item: (-item[1], item[0]))


def _same(first: Path, second: Path) -> bool:
    return first.is_file() and second.is_file() and first.read_bytes() == second.read_bytes()
