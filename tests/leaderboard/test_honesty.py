"""Every way to make a board look better than what was run is named on its page and by verify; an honest board is not."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaderboard.account_cases import KEYS, best_of_many, change, publish, trial
from leaderboard.factory import DATA, ENVIRONMENT, make_board, write_failure, write_run, write_runs
from podium.leaderboard import honesty
from podium.leaderboard.build import rebuild
from podium.leaderboard.rows import read_summary
from podium.leaderboard.verify import verify
from podium.records.record import RunRecord, Status


def chosen(runs: Path) -> Path:
    """The board names the seeds that went well; the records of the others are gone."""
    seeds = [0, 2, 3, 7, 11]
    write_runs(runs, KEYS, seeds)
    return publish(runs, seeds=seeds)


def diverged_seed_left_away(runs: Path) -> Path:
    """A run diverged, and its record is kept back, so that it looks as if it had never been run."""
    write_runs(runs, ["linear"])
    write_runs(runs, ["dense32"], range(4))
    bad = write_failure(runs, "dense32", 4, Status.DIVERGED, "the loss was NaN at step 3")
    return publish(runs, leave_out=(bad.name,))


def second_try(runs: Path) -> Path:
    """A seed was run twice, and the better one is shown."""
    write_runs(runs, KEYS)
    again = Path(shutil.copytree(runs / sorted(p.name for p in runs.iterdir())[0], runs / "again"))
    change(again, run_key="another")
    return publish(runs, leave_out=("again",))


def renumber(folder: Path, seed: int, **changes: Any) -> None:
    """A copy of a run as another seed, wherever a seed stands."""
    config = RunRecord.load(folder).config
    copy = Path(shutil.copytree(folder, folder.with_name(folder.name[:-1] + str(seed))))
    change(
        copy, seed=seed, config={**config, "seed": seed, "data": {**config["data"], "seed": seed}}, **changes
    )


def copied_seed(runs: Path) -> Path:
    """A good seed stands for the last one too, under a key of its own."""
    write_runs(runs, ["linear"])
    folders = write_runs(runs, ["dense32"], range(4))
    renumber(folders[1], 4, run_key="of-its-own")
    return publish(runs)


def copied_seed_with_another_time(runs: Path) -> Path:
    """The same, and the seconds are changed as well."""
    write_runs(runs, ["linear"])
    folders = write_runs(runs, ["dense32"], range(4))
    costs = RunRecord.load(folders[1]).costs
    renumber(folders[1], 4, run_key="of-its-own", costs={**costs, "train_s": 1.5})
    return publish(runs)


def copied_key(runs: Path) -> Path:
    """One run key for two seeds."""
    folders = write_runs(runs, KEYS)
    change(folders[1], run_key=RunRecord.load(folders[0]).run_key)
    return publish(runs)


def selected_in_training(runs: Path) -> Path:
    """The curves of a run hold the test split's error, epoch by epoch."""
    folders = write_runs(runs, KEYS)
    history = {**RunRecord.load(folders[0]).history, "test/top1_error": [[18, 0.3], [36, 0.2]]}
    change(folders[0], history=history)
    return publish(runs)


DISHONEST: dict[Callable[[Path], Path], tuple[str, str]] = {
    best_of_many: ("hidden_runs", "4 more that were run: 5, 6, 7, 8"),
    diverged_seed_left_away: ("hidden_runs", "diverged (dense32-), and left away"),
    second_try: ("hidden_runs", "another one too (another, finished)"),
    chosen: ("chosen_seeds", "a choice: counted on they are [0, 1, 2, 3, 4]"),
    copied_seed: ("repeated_seeds", "seed 1 again: the same predictions, trained in the same time"),
    copied_seed_with_another_time: ("repeated_seeds", "seed 1 again: the same probabilities"),
    copied_key: ("repeated_seeds", "seed 0 again: the same run key"),
    selected_in_training: ("selected_on_test", "the test split read in training: test/top1_error"),
}


@pytest.mark.parametrize("make", DISHONEST, ids=lambda make: make.__name__)
def test_a_dishonest_board_is_named_on_its_page_and_by_verify_and_slips_through_without_the_check(
    make, tmp_path, monkeypatch
):
    check, words = DISHONEST[make]
    runs = tmp_path / "runs"
    report = make(runs)
    found = verify(report)
    assert len(found) == 1, [str(one) for one in found]
    assert words in str(found[0])
    assert "\n" not in str(found[0])
    assert "What was run speaks against" in (report / "index.html").read_text()
    assert words.split(":")[0] in (report / "leaderboard.md").read_text().replace("\\", "")
    monkeypatch.setattr(honesty, check, lambda *_: [])
    rebuild(report, tmp_path / "again")
    assert verify(tmp_path / "again") == []


def test_a_setting_that_watches_the_test_split_is_named(tmp_path):
    runs = tmp_path / "runs"
    keys = write_runs(runs, ["linear"])
    config = {**RunRecord.load(keys[0]).config, "tricks": {"early_stopping": {"monitor": "test/top1_error"}}}
    record = change(keys[0], config=config)
    (found,) = honesty.selected_on_test([record])
    assert found.field == "config.tricks.early_stopping.monitor"
    honest = {**config, "tricks": {"early_stopping": {"monitor": "validation/top1_error"}}}
    assert list(honesty.selected_on_test([change(keys[0], config=honest)])) == []


def deterministic(runs: Path) -> Path:
    """A method in which chance has no part: all seeds say the same, each in its own time."""
    write_runs(runs, ["linear"])
    first = write_run(runs, "dense32", 0)
    for seed in range(1, 5):
        costs = {**RunRecord.load(first).costs, "train_s": 1.0 + seed}
        renumber(first, seed, run_key=f"own-{seed}", costs=costs)
    return publish(runs)


def decisions(runs: Path) -> Path:
    """Two seeds decide alike, without probabilities."""
    write_runs(runs, ["linear"])
    folders = write_runs(runs, ["dense32"], range(4))
    metrics = {
        name: value for name, value in RunRecord.load(folders[1]).metrics.items() if "loss" not in name
    }
    for folder in folders:
        change(
            folder,
            metrics={
                name: value for name, value in RunRecord.load(folder).metrics.items() if "loss" not in name
            },
        )
    renumber(folders[1], 4, run_key="own", metrics=metrics, costs={"train_s": 2.0})
    return publish(runs)


def with_failures(runs: Path) -> Path:
    write_runs(runs, ["linear"])
    write_runs(runs, ["dense32"], range(4))
    write_failure(runs, "dense32", 4, Status.FAILED, "out of memory")
    return publish(runs)


def later_seeds(runs: Path) -> Path:
    write_runs(runs, KEYS, range(100, 105))
    return publish(runs, seeds=list(range(100, 105)))


def other_experiments(runs: Path) -> Path:
    """Other entries, and other rates of one of the board's, lie in the same folder."""
    write_runs(runs, [*KEYS, "lecture_cnn"])
    trial(runs, 0)
    return publish(runs)


@pytest.mark.parametrize(
    "make", [deterministic, with_failures, later_seeds, other_experiments], ids=lambda make: make.__name__
)
def test_an_honest_board_raises_no_doubt(make, tmp_path):
    report = make(tmp_path / "runs")
    assert verify(report) == []
    assert "speaks against" not in (report / "index.html").read_text()
    assert read_summary(report)["doubts"] == []


def test_decisions_without_probabilities_may_agree(tmp_path):
    assert read_summary(decisions(tmp_path / "runs"))["doubts"] == []


def test_other_data_other_rules_and_mixed_hardware_take_no_part_in_a_ranking(tmp_path):
    runs = tmp_path / "runs"
    write_runs(runs, ["linear"])
    write_runs(runs, ["dense32"], range(4))
    other = replace(ENVIRONMENT, gpus=["Another GPU"])
    folder = write_run(runs, "dense32", 4, environment=other)
    report = publish(runs)
    assert [row["rank"] for row in read_summary(report)["rows"] if row["entry"] == "dense32"] == [None]
    change(folder, environment=ENVIRONMENT)
    assert None not in [row["rank"] for row in read_summary(publish(runs))["rows"]]
    change(folder, data=replace(DATA, split="f" * 64))
    with pytest.raises(ValueError, match="runs must be on one data set and split"):
        publish(runs)
    with pytest.raises(ValueError, match=r"rules must be 1\.0\.x"):
        make_board(KEYS, rules="1.1.0")
