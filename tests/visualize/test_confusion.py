from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from podium.visualize.confusion import _counts, confusion_matrix

LABELS = np.array([0, 0, 1, 2, 2, 2])
PREDICTED = np.array([0, 1, 1, 2, 2, 0])


def test_rows_are_true_classes_and_columns_predictions() -> None:
    assert _counts(LABELS, PREDICTED, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


@pytest.mark.parametrize("classes", [3, 10, 100])
def test_few_and_many_classes_are_drawn_with_the_same_bytes_each_time(tmp_path: Path, classes: int) -> None:
    names = [f"class {k}" for k in range(classes)]
    for name in "ab":
        confusion_matrix(LABELS, PREDICTED, names, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "a.png").std() > 0.01


def test_transposing_the_classes_changes_the_picture(tmp_path: Path) -> None:
    confusion_matrix(LABELS, PREDICTED, ["a", "b", "c"], tmp_path / "a.png")
    confusion_matrix(PREDICTED, LABELS, ["a", "b", "c"], tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_wrong_lengths_and_classes_without_a_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be equally long"):
        confusion_matrix(LABELS, PREDICTED[:2], ["a", "b", "c"], tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"must be in \[0, 2\), got 0 to 2"):
        confusion_matrix(LABELS, PREDICTED, ["a", "b"], tmp_path / "a.png")
