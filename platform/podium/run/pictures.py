"""The pictures that a finished run leaves in its folder."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.visualize.confusion import confusion_matrix
from podium.visualize.curves import learning_curves


def draw(
    folder: Path,
    history: Mapping[str, list[list[float]]],
    labels: npt.NDArray[np.int64],
    probability: npt.NDArray[np.float32],
) -> None:
    """Draw learning_curves.png and confusion_matrix.png of the test split."""
    curves = {name: pairs for name, pairs in history.items() if not name.startswith("test/")}
    learning_curves(curves, folder / "learning_curves.png")
    names = [str(k) for k in range(probability.shape[1])]
    confusion_matrix(labels, probability.argmax(1), names, folder / "confusion_matrix.png")
