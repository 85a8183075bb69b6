import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from leaderboard.conftest import KEYS
from podium.leaderboard.aggregate import aggregate, improvement, interquartile_mean, profile
from podium.leaderboard.aggregate_page import render, write
from podium.run.boards import aggregate_command
from podium.run.errors import ConfigError

THREE = KEYS[:3]  # the last did not finish


def strata(seed: int, *means: float) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(mean, 0.01, 5) for mean in means]


@pytest.fixture
def boards(plain_once, tmp_path):
    """Two boards of different data, the second with errors that are half as large; the last entry has no last seed."""
    first = Path(shutil.copytree(plain_once, tmp_path / "first"))
    second = Path(shutil.copytree(plain_once, tmp_path / "second"))

    def other(raw):
        raw["board"]["name"] = "letters"
        raw["data"]["content"] = "a" * 64
        for row in raw["rows"]:
            for run in row["runs"]:
                run["metrics"] = {name: value / 2 for name, value in run["metrics"].items()}

    edit(second, other)
    return [first, second]


def edit(board, change):
    raw = json.loads((board / "board.json").read_text())
    change(raw)
    (board / "board.json").write_text(json.dumps(raw))


def test_entries_that_finished_everywhere_are_put_together_and_others_are_named(boards):
    found = aggregate(boards)
    assert found.boards == ("digits", "letters")
    assert sorted(found.values) == sorted(THREE)
    assert found.left_out == {KEYS[-1]: "not every seed finished on digits"}
    assert [[len(seeds) for seeds in values] for values in found.values.values()] == [[5, 5]] * 3
    means = [one.value for one in found.means.values()]
    assert means == sorted(means)
    assert len(found.improvements) == 3


def test_the_interquartile_mean_is_that_of_the_middle_half_of_all_runs():
    values = strata(0, 0.1, 0.3)
    found = interquartile_mean(values)
    every = np.sort(np.concatenate(values))
    assert found.value == pytest.approx(every[2:-2].mean())
    assert found.value == stats.trim_mean(every, 0.25)
    assert found.low < found.value < found.high
    alike = strata(0, 0.1, 0.1)
    outlier = [np.append(alike[0][:-1], 0.9), alike[1]]
    assert interquartile_mean(outlier).value == pytest.approx(0.1, abs=0.01)
    assert np.mean(outlier) > 0.17


def test_seeds_are_drawn_anew_on_each_board_for_itself():
    """The control: drawn from one heap, the boards' difference would widen the interval."""
    values = strata(1, 0.1, 0.5)
    apart = profile(values, np.array([0.3]), 1)
    heap = profile([np.concatenate(values)], np.array([0.3]), 1)
    assert (apart.share, apart.low, apart.high) == (0.5, 0.5, 0.5)
    assert heap.low < 0.3
    assert heap.high > 0.7


def test_the_probability_of_improvement_is_the_mean_of_mann_whitneys():
    first, second = strata(2, 0.1, 0.3), strata(3, 0.11, 0.28)
    expected = np.mean([stats.mannwhitneyu(b, a).statistic / 25 for a, b in zip(first, second, strict=True)])
    found = improvement(first, second, 1)
    assert found.value == pytest.approx(expected)
    assert improvement(second, first, 1).value == pytest.approx(1 - expected)
    assert improvement(first, second, -1).value == pytest.approx(1 - expected)
    assert improvement(first, first, 1).value == 0.5


def test_a_profile_rises_from_none_to_all_of_the_runs_inside_its_band():
    values = strata(4, 0.1, 0.3)
    thresholds = np.linspace(0, 0.5, 51)
    found = profile(values, thresholds, 1)
    assert (found.share[0], found.share[-1]) == (0.0, 1.0)
    assert (np.diff(found.share) >= 0).all()
    assert (found.low <= found.share).all()
    assert (found.share <= found.high).all()
    larger_is_better = profile(values, thresholds, -1)
    np.testing.assert_allclose(larger_is_better.share, 1 - found.share)


@pytest.mark.parametrize(("boards_count", "seeds", "least"), [(2, 5, 0.75), (10, 10, 0.88)])
def test_intervals_hold_the_truth_less_often_than_they_say_with_few_boards_and_seeds(
    boards_count, seeds, least
):
    generator = np.random.default_rng(5)
    held = []
    for _ in range(150):
        found = interquartile_mean([generator.normal(0.2, 0.01, seeds) for _ in range(boards_count)])
        held.append(found.low <= 0.2 <= found.high)
    assert least <= np.mean(held) <= 0.98


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw["board"].update(name="digits"), "two or more of different names"),
        (lambda raw: raw["data"].update(content="c" * 64), "boards must be of different data"),
        (
            lambda raw: raw["board"].update(metric="test/loss"),
            r"one metric, got test/top1_error \(digits\), test/loss",
        ),
        (
            lambda raw: raw["board"].update(direction="max"),
            r"one direction, got min \(digits\), max \(letters\)",
        ),
        (lambda raw: raw["board"].update(seeds=[0, 1, 2]), r"one seeds, got 5 seeds \(digits\), 3 seeds"),
        (
            lambda raw: raw.update(rows=raw["rows"][:1]),
            "must share two entries that finished everywhere, got 1",
        ),
    ],
    ids=["name", "data", "metric", "direction", "seeds", "entries"],
)
def test_boards_that_cannot_be_compared_are_refused_in_one_line(boards, change, message):
    edit(boards[1], change)
    with pytest.raises(ValueError, match=message) as caught:
        aggregate(boards)
    assert "\n" not in str(caught.value)


def test_one_board_is_not_several(boards):
    with pytest.raises(ValueError, match="two or more"):
        aggregate(boards[:1])


def test_the_command_writes_the_page_its_picture_and_its_figures(boards, tmp_path, capsys):
    out = tmp_path / "out"
    assert aggregate_command(boards, out=out) == 0
    assert "page: " in capsys.readouterr().out
    page = (out / "aggregate.md").read_text()
    assert page.count("\n| ") == 1 + 3 + 1 + 3
    assert "not every seed finished on digits" in page
    assert (out / "profiles.svg").read_text().startswith("<svg")
    assert set(json.loads((out / "aggregate.json").read_text())["interquartile_means"]) == set(THREE)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert aggregate_command(boards, out=out) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before == render(aggregate(boards))


def test_a_folder_of_something_else_is_not_written_into(boards, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="out must be the folder of such a page"):
        write(aggregate(boards), tmp_path)
    with pytest.raises(ConfigError, match="out must be"):
        aggregate_command(boards, out=tmp_path)
    with pytest.raises(ConfigError, match="must be the folder of a board"):
        aggregate_command([tmp_path / "none", boards[0]], out=tmp_path / "out")
