"""Score a trained network on a whole split, and keep its predictions."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from podium.data.arrays import Arrays
from podium.metrics.classification import evaluate
from podium.records.files import write_atomically

BATCH = 256  # fixed: another batch size can change the last bits of a prediction


def predict(network: nn.Module, arrays: Arrays, device: torch.device) -> npt.NDArray[np.float32]:
    """Class probabilities (examples, classes) in evaluation mode and full precision."""
    network = network.to(device).eval()
    parts: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(arrays.target), BATCH):
            logits = network(arrays.input[start : start + BATCH].to(device))
            parts.append(torch.softmax(logits.float(), 1).cpu())
    probability: npt.NDArray[np.float32] = torch.cat(parts).numpy()
    return probability


def scores(probability: npt.NDArray[np.float32], arrays: Arrays, split: str) -> dict[str, float]:
    """The metrics of a split, by logged name: split/metric."""
    measured = evaluate(probability, arrays.target.numpy())
    return {name.replace("test/", f"{split}/"): value for name, value in measured.items()}


def save_predictions(path: Path, probability: npt.NDArray[np.float32], arrays: Arrays) -> None:
    """Write predictions per example: index, label, probability. The same values make the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, index=arrays.index.numpy(), label=arrays.target.numpy(), probability=probability)
    write_atomically(path, buffer.getvalue())
