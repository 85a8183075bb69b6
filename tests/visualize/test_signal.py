import math
from pathlib import Path

import matplotlib.image
import pytest

from podium.visualize.signal import Line, signal_picture

LAYERS = [f"layer{k}" for k in range(1, 6)]


def line(name: str = "he", lost: int | None = None, dead: float | None = 0.5, **changes: list[float]) -> Line:
    values = {"forward": [1.0, 1.1, 0.9, 1.0, 1.0], "backward": [1e-3] * 5} | changes
    return Line(name, values["forward"], values["backward"], [dead] * 4 + [None], lost, lost)


def test_relus_have_a_panel_of_their_own(tmp_path: Path) -> None:
    signal_picture(LAYERS, [line()], "title", tmp_path / "three.png")
    signal_picture(LAYERS, [line(dead=None)], "title", tmp_path / "two.png")
    three, two = (matplotlib.image.imread(tmp_path / f"{name}.png") for name in ("three", "two"))
    assert three.shape[0] > two.shape[0]
    assert two.std() > 0.01


def test_the_same_lines_give_the_same_bytes_and_a_ring_shows(tmp_path: Path) -> None:
    for name, lost in (("a", None), ("b", None), ("c", 2)):
        signal_picture(LAYERS, [line(lost=lost)], "title", tmp_path / f"{name}.png")
    first, second, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == second != other


@pytest.mark.parametrize("value", [0.0, math.inf, math.nan])
def test_zero_and_what_is_not_finite_is_shown_at_the_edge(value: float, tmp_path: Path) -> None:
    broken = line(forward=[1.0, 1.0, value, value, value], lost=2)
    signal_picture(LAYERS, [broken], "title", tmp_path / "edge.png")
    signal_picture(LAYERS, [line(forward=[1.0, 1.0, 0.5, 0.5, 0.5])], "title", tmp_path / "whole.png")
    assert (tmp_path / "edge.png").read_bytes() != (tmp_path / "whole.png").read_bytes()


def test_all_zero_and_many_lines_and_layers_can_be_drawn(tmp_path: Path) -> None:
    many = [Line(f"scheme{k}", [0.0] * 200, [0.0] * 200, [None] * 200, 0, 199) for k in range(30)]
    signal_picture([f"l{k}" for k in range(200)], many, "title", tmp_path / "many.png")
    assert matplotlib.image.imread(tmp_path / "many.png").shape[1] <= 16 * 120


def test_nothing_to_draw_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs layers and lines, got 5 and 0"):
        signal_picture(LAYERS, [], "title", tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []
