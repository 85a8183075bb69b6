"""One of several workers that train a network together. As a process: python -m podium.run.worker ORDER PARENT.

The first writes points, checkpoints and, at the end, the weights; what the others know is in the first one's numbers.
"""

import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch

from podium.records.files import write_atomically
from podium.records.journal import JOURNAL_FILE, Journal
from podium.run.build import Assembly, build
from podium.run.engine import fit, pin_threads
from podium.run.interrupts import Interrupted, interrupts
from podium.run.memory import PeakMemory, keep_memory
from podium.run.processes import end_with
from podium.run.recorder import Diverged, Points, Recorder
from podium.run.workers import STARTED_FILE, TOLD_FILE, WEIGHTS, Order, Told


class _Silent:
    """Where the points of a worker go that is not the first."""

    def points(self, step: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """They are the first worker's points too."""

    def flush(self) -> None:
        """Nothing waits."""


def work(path: Path) -> None:
    """Train one worker's part of an order, and tell how it ended; which worker this is, is in the environment."""
    order = Order.load(path)
    first = os.environ["RANK"] == "0"
    pin_threads(order.config["runtime"])
    keep_memory()
    parts = build(order.config)
    parts.data.prepare_data()
    parts.data.setup("fit")
    told = _train(order, parts, path.parent, first=first)
    if first:
        if told.outcome == "finished":
            weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _state(parts)}
            safetensors.torch.save_file(weights, path.parent / WEIGHTS)
        write_atomically(path.parent / TOLD_FILE, json.dumps(vars(told)).encode())


def _train(order: Order, parts: Assembly, scratch: Path, *, first: bool) -> Told:
    journal: Points = Journal(order.folder / JOURNAL_FILE) if first else _Silent()
    try:
        with interrupts() as asked, PeakMemory() as memory:
            recorder, paused = fit(
                parts,
                order.folder,
                seed=order.config["seed"],
                title=f"{order.config['name']} seed {order.config['seed']}",
                journal=journal,
                interrupts=asked,
                after_first_step=(scratch / STARTED_FILE).touch,
                resume=order.resume,
                begin=order.begin,
            )
    except Diverged as error:
        return Told(outcome="diverged", reason=str(error))
    except Interrupted as error:
        return Told(outcome="interrupted", signum=error.signum)
    if paused:
        return Told(outcome="paused")
    return Told(
        outcome="finished",
        train_s=recorder.train_s,
        images_per_s=_together(recorder, parts),
        peak_mib=memory.peak_mib,
    )


def _together(recorder: Recorder, parts: Assembly) -> float:
    return recorder.images_per_s * parts.runtime.devices  # each sees its share of a batch


def _state(parts: Assembly) -> Any:
    return parts.network.state_dict().items()


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(int(sys.argv[2]),), daemon=True).start()
    work(Path(sys.argv[1]))
