import math
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

from podium.visualize.curves import learning_curves

HISTORY = {
    "validation/loss": [[10, 1.0], [20, 0.6]],
    "train/loss": [[step, 1.0 / step] for step in range(1, 60)],
    "train/top1_error": [[10, 0.5], [20, 0.25]],
}


def test_a_picture_has_a_panel_for_each_metric(tmp_path: Path) -> None:
    learning_curves(HISTORY, tmp_path / "two.png")
    learning_curves({"train/loss": HISTORY["train/loss"]}, tmp_path / "one.png")
    two, one = (matplotlib.image.imread(tmp_path / name) for name in ("two.png", "one.png"))
    assert two.shape[1] == 2 * one.shape[1]
    assert one.std() > 0.01


def test_many_panels_fill_rows_of_three(tmp_path: Path) -> None:
    point = [[0, 1.0], [1, 0.5]]
    for count in (1, 3, 4):
        learning_curves({f"validation/m{k}": point for k in range(count)}, tmp_path / f"{count}.png")
    one, three, four = (matplotlib.image.imread(tmp_path / f"{count}.png").shape for count in (1, 3, 4))
    assert three[:2] == (one[0], 3 * one[1])
    assert four[:2] == (2 * one[0], 3 * one[1])


def test_the_same_history_in_another_order_gives_the_same_bytes(tmp_path: Path) -> None:
    learning_curves(HISTORY, tmp_path / "a.png")
    learning_curves(dict(reversed(HISTORY.items())), tmp_path / "b.png")
    learning_curves({**HISTORY, "train/top1_error": [[10, 0.5], [20, 0.2]]}, tmp_path / "c.png")
    first, second, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == second != other


def test_nan_and_infinity_leave_gaps(tmp_path: Path) -> None:
    learning_curves({"train/loss": [[0, 1.0], [1, math.inf], [2, math.nan]]}, tmp_path / "a.png")
    learning_curves({"train/loss": [[0, 1.0], [1, math.nan], [2, -math.inf]]}, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_nothing_to_draw_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="history must hold a point, got none"):
        learning_curves({"train/loss": []}, tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []


def test_importing_it_does_not_import_matplotlib() -> None:
    modules = "podium.visualize.curves, podium.visualize.confusion"
    code = f"import sys, {modules}; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
