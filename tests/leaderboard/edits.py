"""Edits of a published board, as someone careful makes them: what is done, and how it is covered up afterwards."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from leaderboard.factory import predictions_bytes
from podium.leaderboard import verify as v
from podium.leaderboard.build import checksums_of, record_folders
from podium.leaderboard.render import render
from podium.leaderboard.rows import read_summary
from podium.leaderboard.summary import definition
from podium.leaderboard.table import make_table
from podium.metrics.classification import evaluate
from podium.records.record import RunRecord, entry_hash


class Edit(NamedTuple):
    """What is done to a board, how it is covered up, and how it must be named."""

    do: Callable[[Path], None]
    cover: Callable[[Path], None]
    check: Callable[..., Any]
    file: str
    field: str


def folder_of(report: Path, number: int = 0, seed: int = 0) -> Path:
    row = read_summary(report)["rows"][number]
    return report / row["runs"][seed]["folder"]


def change_record(folder: Path, **changes: Any) -> None:
    path = folder / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}, sort_keys=True, indent=1))


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "record.json").read_text())


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "predictions.npz") as loaded:
        return dict(loaded)


def put_predictions(folder: Path, probability: np.ndarray, label: np.ndarray, *, say: bool) -> None:
    content = predictions_bytes(probability, label)
    (folder / "predictions.npz").write_bytes(content)
    if say:
        change_record(folder, files={"predictions.npz": hashlib.sha256(content).hexdigest()})


def seal(report: Path) -> None:
    """Make the checksums right again."""
    (report / "checksums.json").write_bytes(checksums_of(report))


def rewrite(report: Path) -> None:
    """Make the pages and the checksums right again."""
    board, entries = definition(read_summary(report))
    records = [RunRecord.load(folder) for folder in record_folders(report)]
    for name, content in render(make_table(board, entries, records)).items():
        (report / name).write_bytes(content)
    seal(report)


def nothing(report: Path) -> None:
    """Cover nothing up."""


def edit_metric(report: Path) -> None:
    folder = folder_of(report)
    change_record(folder, metrics={**record_of(folder)["metrics"], "test/top1_error": 0.0})


def edit_loss(report: Path) -> None:
    folder = folder_of(report)
    metrics = record_of(folder)["metrics"]
    change_record(folder, metrics={**metrics, "test/loss": metrics["test/loss"] * 0.999})


def add_metric(report: Path) -> None:
    folder = folder_of(report)
    change_record(folder, metrics={**record_of(folder)["metrics"], "test/top5_error": 0.0})


def edit_prediction(report: Path) -> None:
    """A prediction is put right, and the record says the new file's hash."""
    folder = folder_of(report, number=3)
    arrays = arrays_of(folder)
    wrong = int(np.flatnonzero(arrays["probability"].argmax(1) != arrays["label"])[0])
    arrays["probability"][wrong] = np.eye(10)[arrays["label"][wrong]]
    put_predictions(folder, arrays["probability"], arrays["label"], say=True)


def edit_small_prediction(report: Path) -> None:
    """A prediction that no metric sees: two wrong classes swapped far below the label's."""
    folder = folder_of(report)
    arrays = arrays_of(folder)
    row = int(np.flatnonzero(arrays["probability"].argmax(1) == arrays["label"])[0])
    low = np.argsort(arrays["probability"][row])[:2]
    arrays["probability"][row, low] = arrays["probability"][row, low[::-1]]
    put_predictions(folder, arrays["probability"], arrays["label"], say=False)


def edit_label(report: Path) -> None:
    """A label is made to fit the prediction, and hash and metrics follow."""
    folder = folder_of(report, number=3)
    arrays = arrays_of(folder)
    shown = arrays["probability"].argmax(1)
    wrong = int(np.flatnonzero(shown != arrays["label"])[0])
    arrays["label"][wrong] = shown[wrong]
    put_predictions(folder, arrays["probability"], arrays["label"], say=True)
    change_record(folder, metrics=evaluate(arrays))


def edit_seed(report: Path) -> None:
    folder = folder_of(report, seed=4)
    shutil.copytree(folder, report / "records" / folder.name.replace("-s4", "-s3"), dirs_exist_ok=True)
    change_record(report / "records" / folder.name.replace("-s4", "-s3"), seed=3)


def edit_config(report: Path) -> None:
    folder = folder_of(report)
    change_record(folder, config={**record_of(folder)["config"], "trainer": {"max_epochs": 1000}})


def edit_hash(report: Path) -> None:
    """The record claims to be another entry's, and moves there."""
    folder, other = folder_of(report, number=0), folder_of(report, number=3)
    shutil.rmtree(other)
    shutil.copytree(folder, other)
    change_record(other, entry_hash=read_summary(report)["rows"][3]["entry_hash"])


def edit_page(report: Path) -> None:
    page = report / "index.html"
    page.write_bytes(page.read_bytes().replace(b"Handwritten", b"Handwritter", 1))


def edit_cell(report: Path) -> None:
    table = report / "leaderboard.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join([lines[0], lines[1].replace("0.0", "0.1", 1), *lines[2:]]))


def edit_markdown(report: Path) -> None:
    page = report / "leaderboard.md"
    page.write_text(page.read_text().replace("| 2 |", "| 1 |", 1))


def edit_rank(report: Path) -> None:
    raw = read_summary(report)
    raw["rows"][-1]["rank"] = 1
    (report / "board.json").write_text(json.dumps(raw))


def remove_record(report: Path) -> None:
    shutil.rmtree(folder_of(report, number=3, seed=2))


def add_record(report: Path) -> None:
    """A run of an entry that the board never named."""
    folder = folder_of(report)
    config = {**record_of(folder)["config"], "network": {"_target_": "podium.networks.other.Other"}}
    digest = entry_hash(config)
    new = report / "records" / f"{digest[:8]}-s0"
    shutil.copytree(folder, new)
    change_record(new, config=config, entry_hash=digest)


def swap_predictions(report: Path) -> None:
    first, second = folder_of(report, seed=0), folder_of(report, seed=1)
    one, two = (folder / "predictions.npz" for folder in (first, second))
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)


def fail_a_run(report: Path) -> None:
    """A bad seed is called failed, to be excused."""
    change_record(folder_of(report, number=3), status="failed", error="out of memory")


def finish_a_run(report: Path) -> None:
    """The diverged seed is called finished, with good metrics."""
    good = record_of(folder_of(report, number=0))
    row = next(row for row in read_summary(report)["rows"] if row["rank"] is None)
    change_record(report / row["runs"][4]["folder"], status="finished", metrics=good["metrics"], error=None)


def edit_checksum(report: Path) -> None:
    path = report / "checksums.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "index.html": "0" * 64}))


def add_file(report: Path) -> None:
    (report / "extra.html").write_text("an extra page")


def edit_cost(report: Path) -> None:
    folder = folder_of(report)
    change_record(folder, costs={**record_of(folder)["costs"], "parameters": 1.0})


EDITS = {
    "metric": Edit(edit_metric, rewrite, v.check_metrics, "record.json", "metrics.test/top1_error"),
    "loss": Edit(edit_loss, rewrite, v.check_metrics, "record.json", "metrics.test/loss"),
    "invented metric": Edit(add_metric, rewrite, v.check_metrics, "record.json", "metrics.test/top5_error"),
    "prediction": Edit(edit_prediction, rewrite, v.check_metrics, "record.json", "metrics.test/top1_error"),
    "unseen prediction": Edit(
        edit_small_prediction, seal, v.check_prediction_hash, "record.json", "files.predictions.npz"
    ),
    "label": Edit(edit_label, rewrite, v.check_labels, "predictions.npz", "label"),
    "seed": Edit(edit_seed, rewrite, v.check_identity, "record.json", "seed"),
    "page": Edit(edit_page, seal, v.check_pages, "index.html", "bytes"),
    "cell": Edit(edit_cell, seal, v.check_pages, "leaderboard.csv", "bytes"),
    "Markdown": Edit(edit_markdown, seal, v.check_pages, "leaderboard.md", "bytes"),
    "rank": Edit(edit_rank, seal, v.check_pages, "board.json", "bytes"),
    "checksum": Edit(edit_checksum, nothing, v.check_checksums, "index.html", "sha256"),
    "extra file": Edit(add_file, nothing, v.check_checksums, "extra.html", "sha256"),
    "failed run": Edit(fail_a_run, rewrite, v.check_status, "record.json", "status"),
}
ALSO = {"seed": [v.check_honesty]}  # a copied run has the key of the other
