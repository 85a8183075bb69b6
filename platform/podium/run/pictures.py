"""The pictures that a finished run leaves in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from podium.data.base import DataModule
from podium.visualize.confusion import confusion_matrix
from podium.visualize.curves import learning_curves
from podium.visualize.examples import SHOWN, box_examples, mask_examples


def draw(
    folder: Path,
    history: Mapping[str, list[list[float]]],
    answers: Mapping[str, npt.NDArray[Any]],
    data: DataModule,
) -> None:
    """Draw learning_curves.png, and of the test split what its answers are good for.

    That is confusion_matrix.png of classes, or examples.png of the first pictures with their masks or boxes.
    """
    curves = {name: pairs for name, pairs in history.items() if not name.startswith("test/")}
    learning_curves(curves, folder / "learning_curves.png")
    decision = answers["probability"].argmax(1) if "probability" in answers else answers.get("decision")
    if decision is not None:
        names = [str(k) for k in range(data.num_classes)]
        confusion_matrix(answers["label"], decision, names, folder / "confusion_matrix.png")
    kinds = (("masks", "prediction", mask_examples), ("boxes", "detections", box_examples))
    for kind, name, draw_examples in kinds:
        if data.targets == kind and name in answers:
            pictures = data.examples("test").batch(slice(0, SHOWN)).input.numpy()
            names = getattr(data, "class_names", None) or [str(k) for k in range(data.num_classes)]
            draw_examples(pictures, answers["label"], answers[name], names, folder / "examples.png")
