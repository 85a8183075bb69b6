"""The commands about single runs: train, summary, evaluate, reproduce. Each prints for a person and returns an exit code."""

import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.run.assemble import compose
from podium.run.errors import ConfigError

EXIT_FAILED = 1


def show_notes() -> None:
    """Let podium's own notes reach the person, such as the padding that a network chose for small images."""
    logging.basicConfig(format="podium: %(message)s", level=logging.WARNING)
    logging.getLogger("podium").setLevel(logging.INFO)


def train_command(overrides: Sequence[str], *, fresh: bool) -> int:
    """Train one run in the foreground; MLflow is fed by another process."""
    show_notes()
    config = compose(overrides)
    from podium.records.sync import spawn_follower, wait_for_sync
    from podium.run.folders import find_folders, find_record, is_final, run_folder
    from podium.run.train import train

    if fresh:
        for folder in find_folders(config):
            shutil.rmtree(folder)
    elif is_final(done := find_record(config)):
        print(f"already trained: {find_folders(config)[0]} (podium train --fresh ... trains it again)")
        assert done is not None
        return _report(done)
    folder = (find_folders(config) or [run_folder(config)])[0]
    follow = bool(config["tracking"]["follow"])
    record = train(
        config, after_first_step=lambda: spawn_follower(folder, config["tracking"]) if follow else None
    )
    print(f"folder: {folder}")
    if follow:
        print(wait_for_sync(folder, config["tracking"]))
    return _report(record)


def summary_command(overrides: Sequence[str]) -> int:
    """Print layers, output shapes, parameters and computed costs of a configuration's network."""
    show_notes()
    config = compose(overrides)
    from podium.run.build import build_network
    from podium.run.costs import network_costs
    from podium.run.summary import render, summarize

    network, _ = build_network(config)
    shape = config["data"]["shape"]
    print(render(summarize(network, shape)))
    costs = network_costs(network, shape)
    print(
        f"depth {costs['depth']:.0f} weight layers, size {costs['size_mib']:.2f} MiB, "
        f"{costs['multiply_adds']:,.0f} multiply-adds and {costs['activations']:,.0f} activations a sample"
    )
    return 0


def evaluate_command(folder: Path) -> int:
    """Score a finished run again and compare with its record."""
    from podium.run.evaluate import evaluate

    result = evaluate(folder)
    for name, value in result.measured.items():
        print(f"{name:<18} measured {value:.6f}   recorded {result.recorded[name]:.6f}")
    print(f"largest change of a probability: {result.largest_change:.2g}")
    same = result.largest_change < 1e-4
    print("the record is confirmed" if same else "the record is NOT confirmed: predictions changed")
    return 0 if same else EXIT_FAILED


def retrieve_command(folder: Path, *, queries: int) -> int:
    """Find the test images most like each other by a finished run's features."""
    from podium.run.retrieve import retrieve

    result = retrieve(folder, queries=queries)
    for k, recall in result.recall.items():
        print(f"recall at {k:<2}  {100 * recall:.2f} %")
    print(f"each of {result.examples} test images among the others; {queries} queries: {result.picture}")
    return 0


def reproduce_command(report: Path, *, row: int, data_root: str) -> int:
    """Train one row of a board again in a fresh folder that is kept only when the result differs."""
    from podium.leaderboard.rows import read_summary, row_ensembles, row_records
    from podium.leaderboard.summary import definition

    try:
        records = row_records(report, row)
        ensembles = row_ensembles(report, row)
        board, _ = definition(read_summary(report))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    from podium.records.record import RunRecord
    from podium.run.reproduce import Verdict, reproduce

    folder = Path(tempfile.mkdtemp(prefix="podium-reproduce-"))
    print(f"row {row}, {records[0].name}: {len(records)} runs again in {folder}")

    def show(again: RunRecord) -> None:
        print(f"  seed {again.seed}: {_result(again)}", flush=True)

    result = reproduce(records, folder, metric=board.metric, data_root=data_root, on_run=show)
    low, high = result.interval
    same = sum(repetition.bit_equal for repetition in result.repetitions)
    print(f"{result.verdict}: {same} of {len(result.repetitions)} runs have the same bits; ", end="")
    print(f"published mean interval of {board.metric}: {low:.4f} to {high:.4f}")
    for reason in result.reasons:
        print(f"  differs: {reason}")
    if ensembles:
        from podium.run.ensemble import ensembles_again

        for line in ensembles_again(ensembles, [found.again for found in result.repetitions], board.metric):
            print(line)
    if result.verdict is Verdict.BIT_EQUAL:
        shutil.rmtree(folder)
    else:
        print(f"the new runs are in {folder}")
    return EXIT_FAILED if result.verdict is Verdict.NOT else 0


def _report(record: Any) -> int:
    """The result of a run in one line."""
    if record.metrics is None:
        print(f"{record.status}: {record.error or 'no result'}", file=sys.stderr)
        return 0 if record.status == "paused" else EXIT_FAILED
    validation = describe(record.metrics, "validation").partition(",")[0]
    print(f"{record.name}, seed {record.seed}: {describe(record.metrics, 'test')} ({validation})")
    return 0


def describe(metrics: Mapping[str, float], split: str) -> str:
    """The metrics of one split for a person: errors in per cent, others as they are, the loss at the end."""
    found = {
        name.removeprefix(f"{split}/"): value
        for name, value in metrics.items()
        if name.startswith(f"{split}/")
    }
    shown = [
        f"{name.removesuffix('_error').replace('top', 'top-')} error {100 * value:.2f} %"
        if name.endswith("_error")
        else f"{name.replace('_', ' ')} {value:.4f}"
        for name, value in sorted(found.items(), key=lambda item: item[0] == "loss")
    ]
    return f"{split} " + ", ".join(shown)


def _result(record: Any) -> str:
    return f"{record.status}: {record.error}" if record.metrics is None else describe(record.metrics, "test")
