"""The pictures that a finished run leaves in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from podium.visualize.confusion import confusion_matrix
from podium.visualize.curves import learning_curves


def draw(
    folder: Path, history: Mapping[str, list[list[float]]], answers: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Draw learning_curves.png, and of the test split what its answers are good for: confusion_matrix.png of classes."""
    curves = {name: pairs for name, pairs in history.items() if not name.startswith("test/")}
    learning_curves(curves, folder / "learning_curves.png")
    if "probability" in answers:
        probability = answers["probability"]
        names = [str(k) for k in range(probability.shape[1])]
        confusion_matrix(answers["label"], probability.argmax(1), names, folder / "confusion_matrix.png")
