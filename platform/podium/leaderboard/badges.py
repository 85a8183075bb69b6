"""Which evidence counts, and which badge it gives a row. The page and ``podium verify`` ask the same questions.

Evidence counts when it speaks of exactly these records, of every seed of the row, quotes what they publish, is judged by
the board's own metric and band, and when the values that it found lie where its badge says. What it cannot show: that the
repetition took place. Against that helps only repeating it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from podium.leaderboard.board import Board
from podium.leaderboard.equivalence import Equivalence, equivalence, same_value
from podium.leaderboard.evidence import Award, Badge, Evidence, Finding, Found
from podium.leaderboard.problem import Problem
from podium.leaderboard.rows import PREDICTIONS_FILE
from podium.leaderboard.table import Row, Table
from podium.leaderboard.unit import unit_of
from podium.records.files import sha256_of
from podium.records.record import RECORD_FILE, RunRecord, Status

MOST_CHANGE = 1e-4  # of a saved answer: what two processors may differ by in single precision
SELF_REPORTED = "self-reported"


@dataclass(frozen=True)
class Held:
    """A record of the board, and the SHA-256 of its file."""

    record: RunRecord
    digest: str

    @property
    def metrics(self) -> dict[str, float]:
        """What the record publishes of the test split; nothing where the run did not finish."""
        known = self.record.metrics or {}
        return {name: value for name, value in known.items() if name.startswith("test/")}


@dataclass(frozen=True)
class Claim:
    """What one file says of one entry, beside the board's records of it by seed."""

    evidence: Evidence
    said: Finding
    board: Board
    held: Mapping[int, Held]

    def problem(self, what: str, says: str, found: str) -> Problem:
        """A problem of the file."""
        return Problem(self.evidence.file, f"{what} of {self.said.name}", says, found)

    @property
    def bit_equal(self) -> bool:
        """Whether every file of every new training is that of the record."""
        return all(_same_files(run, self.held[run.seed]) for run in self.said.runs)

    @property
    def equivalence(self) -> Equivalence:
        """How far the means of a new training and of the row are apart, over their seeds."""
        metric, data = self.board.metric, next(iter(self.held.values())).record.data
        return equivalence(
            [run.found[metric] - self.held[run.seed].metrics[metric] for run in self.said.runs],
            band=self.board.band,
            alpha=self.board.alpha,
            resolution=1 / data.sizes["test"] if data else 0.0,
        )


Check = Callable[[Claim], Iterator[Problem]]


def check_records(claim: Claim) -> Iterator[Problem]:
    """Every record that it speaks of is on the board, to the byte."""
    for run in claim.said.runs:
        held = claim.held.get(run.seed)
        if held is None or held.digest != run.record:
            found = "no such record" if held is None else held.digest[:12]
            yield claim.problem(f"the record of seed {run.seed}", run.record[:12], found)


def check_seeds(claim: Claim) -> Iterator[Problem]:
    """No seed is passed over or told twice: all records for a check, every planned and finished seed for the others."""
    finished = [seed for seed, held in claim.held.items() if held.record.status is Status.FINISHED]
    whole = claim.evidence.badge is Badge.CHECKED
    wanted = sorted(claim.held) if whole else sorted(claim.board.seeds)
    seeds = [run.seed for run in claim.said.runs]
    if not seeds or sorted(seeds) != wanted:
        yield claim.problem("seeds", f"{seeds}", f"{wanted}")
    elif not whole and (lack := sorted(set(wanted) - set(finished))):
        yield claim.problem("seeds", f"{seeds}", f"seeds {lack} that did not finish")


def check_published(claim: Claim) -> Iterator[Problem]:
    """What it quotes as published is what the records say."""
    for run, held in _pairs(claim):
        for name in sorted(held.metrics.keys() | run.published.keys()):
            before, after = run.published.get(name), held.metrics.get(name)
            if before is None or after is None or not same_value("", before, after):
                yield claim.problem(f"{name} of seed {run.seed}", f"{before}", f"{after} in its record")


def check_band(claim: Claim) -> Iterator[Problem]:
    """A new training is judged by the board's metric, within the board's band."""
    if claim.evidence.badge is Badge.REPRODUCED:
        said = (claim.evidence.metric, claim.evidence.band)
        if said != (found := (claim.board.metric, claim.board.band)):
            yield claim.problem("metric and band", f"{said[0]} ±{said[1]}", f"{found[0]} ±{found[1]}")


def check_found(claim: Claim) -> Iterator[Problem]:
    """What it found lies where its badge says."""
    for run, held in _pairs(claim):
        lack = sorted(held.metrics.keys() - run.found.keys())
        if lack:
            yield claim.problem(f"{lack[0]} of seed {run.seed}", claim.evidence.badge, "no value")
            return
        same = claim.evidence.badge is Badge.CHECKED or (
            claim.evidence.badge is Badge.REPRODUCED and _same_files(run, held)
        )
        for name, value in held.metrics.items():
            if same and not same_value(name, value, run.found[name]):
                yield claim.problem(
                    f"{name} of seed {run.seed}", "the same", f"{run.found[name]}, not {value}"
                )
        if claim.evidence.badge is Badge.RE_EVALUATED:
            yield from _scored(claim, run, held)
    if claim.evidence.badge is Badge.REPRODUCED and _answered(claim) and not claim.bit_equal:
        found = claim.equivalence
        if not found.within:
            text = f"{found.difference:+.4g} ({found.low:.4g} to {found.high:.4g})"
            yield claim.problem("the difference", f"within ±{found.band:g}", text)


CHECKS: tuple[Check, ...] = (check_records, check_seeds, check_published, check_band, check_found)


def holdings(runs: Sequence[tuple[RunRecord, Path]]) -> dict[str, dict[int, Held]]:
    """Records with the hash of their files, by entry and seed."""
    found: dict[str, dict[int, Held]] = {}
    for record, folder in runs:
        found.setdefault(record.entry_hash, {})[record.seed] = Held(record, sha256_of(folder / RECORD_FILE))
    return found


def faults(
    board: Board, held: Mapping[str, Mapping[int, Held]], evidence: Sequence[Evidence]
) -> list[Problem]:
    """Everything for which evidence does not count; empty where all of it does."""
    return [
        problem
        for one in evidence
        for said in one.rows
        for problem in _faults(Claim(one, said, board, held.get(said.entry_hash, {})))
    ]


def award(table: Table, held: Mapping[str, Mapping[int, Held]], evidence: Sequence[Evidence]) -> Table:
    """The table with the badges that the evidence gives its rows, and with what of it does not count."""
    order = list(Badge)
    claims = [
        claim
        for one in sorted(evidence, key=lambda one: (-order.index(one.badge), one.date, one.file))
        for said in one.rows
        if not _faults(claim := Claim(one, said, table.board, held.get(said.entry_hash, {})))
    ]
    return replace(
        table,
        rows=tuple(replace(row, badge=_award(row, claims)) for row in table.rows),
        evidence=tuple(evidence),
        void=tuple(faults(table.board, held, evidence)),
    )


def band_words(board: Board) -> str:
    """The board's band for a reader."""
    unit = unit_of(board.metric)
    return f"±{unit.scale * board.band:g} points" if unit.points else f"±{board.band:g}"


def _award(row: Row, claims: Sequence[Claim]) -> Award | None:
    """The highest badge of a row, with all evidence for it; the members' re-training is an ensemble's to the bit only."""
    own = [
        claim
        for claim in claims
        if claim.said.entry_hash == row.entry.entry_hash
        and (row.groups is None or claim.evidence.badge is not Badge.REPRODUCED or claim.bit_equal)
    ]
    if not own:
        return None
    lines = tuple((claim.evidence.badge, claim.evidence.file, _words(claim)) for claim in own)
    return Award(own[0].evidence.badge, lines)


def _words(claim: Claim) -> str:
    """What the evidence found, in words."""
    seeds = len(claim.said.runs)
    if claim.evidence.badge is Badge.CHECKED:
        return f"{seeds} records and their predictions"
    if claim.evidence.badge is Badge.RE_EVALUATED:
        change = max(run.change or 0.0 for run in claim.said.runs)
        return f"{seeds} saved networks, largest change of an answer {change:.2g}"
    if claim.bit_equal:
        return f"{seeds} of {seeds} seeds have the same bits"
    found, of_metric = claim.equivalence, unit_of(claim.board.metric)
    scale, unit = of_metric.scale, " points" if of_metric.points else ""
    low, high = (f"{scale * bound:+.3g}" for bound in (found.low, found.high))
    level = f"{100 * (1 - 2 * claim.board.alpha):g}%"
    return (
        f"difference of the means over {seeds} seeds {scale * found.difference:+.3g}{unit}, {level} interval {low} to "
        f"{high}, within {band_words(claim.board)}"
    )


def _faults(claim: Claim) -> list[Problem]:
    return [problem for check in CHECKS for problem in check(claim)]


def _pairs(claim: Claim) -> Iterator[tuple[Found, Held]]:
    """What is said of each seed that the board has, beside its record."""
    for run in claim.said.runs:
        if run.seed in claim.held:
            yield run, claim.held[run.seed]


def _answered(claim: Claim) -> bool:
    """Whether there are values to judge."""
    pairs = list(_pairs(claim))
    metric = claim.board.metric
    return len(pairs) == len(claim.said.runs) > 0 and all(
        metric in run.found and metric in held.metrics for run, held in pairs
    )


def _same_files(run: Found, held: Held) -> bool:
    """Whether its predictions, and every other file that it tells of, are those of the record."""
    files = held.record.files or {}
    return PREDICTIONS_FILE in run.files and all(files.get(name) == sha for name, sha in run.files.items())


def _scored(claim: Claim, run: Found, held: Held) -> Iterator[Problem]:
    """The saved network was that of the record, and its answers are those that were saved."""
    files = held.record.files or {}
    if not run.files or any(files.get(name) != sha for name, sha in run.files.items()):
        yield claim.problem(f"the network of seed {run.seed}", f"{dict(run.files)}", "another in its record")
    if run.change is None or not run.change <= MOST_CHANGE:
        yield claim.problem(f"answers of seed {run.seed}", f"the same to {MOST_CHANGE:g}", f"{run.change}")
    metric = claim.board.metric
    if not abs(run.found[metric] - held.metrics[metric]) <= claim.board.band:
        yield claim.problem(f"{metric} of seed {run.seed}", f"{held.metrics[metric]}", f"{run.found[metric]}")
