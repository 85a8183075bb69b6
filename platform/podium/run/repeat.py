"""`podium reproduce`, and `podium evaluate` of a board: published rows trained or scored again, and badges for them."""

import shutil
import tempfile
from pathlib import Path

from podium.leaderboard.rows import read_summary, row_ensembles
from podium.leaderboard.summary import definition
from podium.records.record import RunRecord, Status
from podium.run.badges import Repeatable, check_ready, own_rows, retrained, scored, scored_evidence
from podium.run.boards import give
from podium.run.command import EXIT_FAILED, describe
from podium.run.ensemble import ensembles_again
from podium.run.errors import ConfigError, told
from podium.run.evaluate import Evaluation
from podium.run.reproduce import Reproduction, TrainAgain, Verdict, reproduce


def reproduce_command(report: Path, *, row: int, data_root: str, badge: bool, train_again: TrainAgain) -> int:
    """Train one row of a board again in a fresh folder that is kept only when the result differs.

    Raises:
        ConfigError: there is no such row, or nothing in it to repeat, or no badge can be given.
    """
    with told():
        board = check_ready(report) if badge else definition(read_summary(report))[0]
        again = Repeatable.of(report, row, board, badge=badge)
        ensembles = row_ensembles(report, row)
    folder = Path(tempfile.mkdtemp(prefix="podium-reproduce-"))
    print(f"row {row}, {again.records[0].name}: {len(again.records)} runs again in {folder}")

    order = [record.seed for record in again.records if record.status is Status.FINISHED]
    over: dict[int, str] = {}

    def show(record: RunRecord) -> None:
        over[record.seed] = _result(record)
        while order and order[0] in over:  # runs of packs are over in another order
            print(f"  seed {order[0]}: {over[order.pop(0)]}", flush=True)

    result = reproduce(
        again.records, folder, board=board, data_root=data_root, train_again=train_again, on_run=show
    )
    print(_said(result, board.metric))
    for reason in result.reasons:
        print(f"  differs: {reason}")
    for line in ensembles_again(ensembles, [found.again for found in result.repetitions], board.metric):
        print(line)
    if badge and result.verdict.reproduced:
        give(report, retrained(again, result.repetitions, data_root=data_root))
    elif badge:
        print("no badge: the row is not reproduced")
    if result.verdict is Verdict.BIT_EQUAL:
        shutil.rmtree(folder)
    else:
        print(f"the new runs are in {folder}")
    return 0 if result.verdict.reproduced else EXIT_FAILED


def evaluate_board_command(
    report: Path, *, row: int | None, runs: Path, data_root: str | None, badge: bool
) -> int:
    """Score the saved networks of a board's rows again, each beside what is published.

    Raises:
        ConfigError: there is no such row, or a run that was published is not among ``runs``.
    """
    with told():
        board = check_ready(report) if badge else definition(read_summary(report))[0]
    rows = []
    for number in own_rows(report) if row is None else [row]:
        try:
            rows.append(Repeatable.of(report, number, board, badge=badge))
        except ConfigError as error:
            if row is not None:
                raise
            print(f"row {number} is left out: {error}")
    same = True

    def show(record: RunRecord, found: Evaluation) -> None:
        nonlocal same
        same &= found.same
        said = "confirmed" if found.same else "NOT confirmed"
        change = f"largest change of an answer {found.largest_change:.2g}"
        print(
            f"{record.name}, seed {record.seed}: {describe(found.measured, 'test')}; {change}: {said}",
            flush=True,
        )

    findings = list(scored(rows, runs=runs, data_root=data_root, on_score=show))
    if badge and same and findings:
        chosen = [] if row is None else ["--row", str(row)]
        words = ["podium", "evaluate", str(report), *chosen, "--runs", str(runs), "--badge"]
        threads = rows[0].records[0].config["runtime"]["threads"]
        give(report, scored_evidence(report, findings, words, threads))
    elif badge:
        print("no badge: not every answer is confirmed")
    return 0 if same else EXIT_FAILED


def _said(result: Reproduction, metric: str) -> str:
    """The verdict in one line."""
    same = sum(repetition.bit_equal for repetition in result.repetitions)
    text = f"{result.verdict}: {same} of {len(result.repetitions)} runs have the same bits"
    if result.found is None:
        return text
    found = result.found
    return (
        f"{text}; {metric} {found.difference:+.4f} from what is published ({found.low:+.4f} to {found.high:+.4f}), "
        f"band ±{found.band:g}"
    )


def _result(record: RunRecord) -> str:
    return f"{record.status}: {record.error}" if record.metrics is None else describe(record.metrics, "test")
