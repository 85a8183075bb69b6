"""Let a trained network answer a whole split, and keep its answers."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from podium.contracts import Batch
from podium.data.arrays import Examples
from podium.data.loader import read
from podium.metrics import evaluate
from podium.records.files import write_atomically
from podium.tasks.base import Task

BATCH = 256  # fixed: another batch size can change the last bits of a prediction
Answers = dict[str, npt.NDArray[Any]]


def predict(task: Task, examples: Examples, device: torch.device) -> Answers:
    """What the task keeps of each example, in evaluation mode and single precision, and ``index``, its place.

    A network that was trained in another precision is single from here on, as one that is read from its file.
    """
    network = task.network.to(device, torch.float32).eval()
    rows = (slice(start, start + BATCH) for start in range(0, len(examples), BATCH))
    parts: list[dict[str, torch.Tensor]] = []
    with torch.inference_mode():
        for batch in read(examples, rows):
            output = network(batch.input.to(device))
            answers = task.answers(output, Batch(batch.input, batch.target.to(device)))
            parts.append({name: tensor.cpu() for name, tensor in answers.items()})
    kept = {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}
    return {"index": examples.index.numpy(), **kept}


def scores(answers: Answers, config: Mapping[str, Any], split: str) -> dict[str, float]:
    """The metrics of a split, by logged name: split/metric."""
    measured = evaluate(config["task"]["_target_"], answers)
    return {name.replace("test/", f"{split}/"): value for name, value in measured.items()}


def save_predictions(path: Path, answers: Answers) -> None:
    """Write the answers as they are, one array a name. The same values make the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **answers)
    write_atomically(path, buffer.getvalue())
