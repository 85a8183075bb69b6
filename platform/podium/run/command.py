"""The commands about single runs: train, summary, evaluate, retrieve. Each prints for a person and returns an exit code."""

import logging
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.run.assemble import check_run, compose, compose_seeds
from podium.run.errors import ConfigError

EXIT_FAILED = 1


def show_notes() -> None:
    """Let podium's own notes reach the person, such as the padding that a network chose for small images."""
    logging.basicConfig(format="podium: %(message)s", level=logging.WARNING)
    logging.getLogger("podium").setLevel(logging.INFO)


def train_command(overrides: Sequence[str], *, fresh: bool) -> int:
    """Train one run in the foreground; MLflow is fed by another process."""
    show_notes()
    config = compose_alone(overrides)
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


def compose_alone(overrides: Sequence[str]) -> dict[str, Any]:
    """The checked configuration of one run, with the fastest form in the place of ``auto``."""
    (config,) = compose_seeds(overrides, seeds=None)
    if "auto" in config["trainer"].values():
        from podium.run.forms import with_form

        config = with_form(config)
    check_run(config)
    return config


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


def evaluate_command(folder: Path, *, data_root: str | None, board_only: bool) -> int:
    """Score a finished run again and compare with its record; ``board_only`` where options of a board were given.

    Raises:
        ConfigError: the run cannot be scored, or has no rows and badges.
    """
    if board_only:
        raise ConfigError(
            f"--row and --badge are of a board, got {folder}; name a board's folder, or leave them out"
        )
    from podium.run.evaluate import evaluate

    result = evaluate(folder, data_root=data_root)
    for name, value in result.measured.items():
        print(f"{name:<18} measured {value:.6f}   recorded {result.recorded[name]:.6f}")
    print(f"largest change of a probability: {result.largest_change:.2g}")
    print("the record is confirmed" if result.same else "the record is NOT confirmed: predictions changed")
    return 0 if result.same else EXIT_FAILED


def retrieve_command(folder: Path, *, queries: int) -> int:
    """Find the test images most like each other by a finished run's features."""
    from podium.run.retrieve import retrieve

    result = retrieve(folder, queries=queries)
    for k, recall in result.recall.items():
        print(f"recall at {k:<2}  {100 * recall:.2f} %")
    print(f"each of {result.examples} test images among the others; {queries} queries: {result.picture}")
    return 0


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
