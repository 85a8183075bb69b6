import os
import subprocess
import sys
from pathlib import Path

import pytest

from leaderboard.conftest import KEYS
from leaderboard.factory import make_board, make_entry, write_runs
from podium.leaderboard import build as build_module
from podium.leaderboard.build import build, files_of, rebuild, record_folders
from podium.leaderboard.rows import read_summary
from podium.leaderboard.summary import definition

AGAIN = """
import random, sys
from pathlib import Path
from podium.leaderboard.build import build, record_folders
from podium.leaderboard.rows import read_summary
from podium.leaderboard.summary import definition
report, out, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
runs = record_folders(report)
random.Random(seed).shuffle(runs)
build(*definition(read_summary(report)), runs, out)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_of(folder)}


@pytest.mark.parametrize(
    ("seed", "surroundings"),
    [
        (1, {"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "1"}),
        (2, {"TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4242", "PYTHONUTF8": "0"}),
        (3, {"TZ": "UTC", "LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "0"}),
    ],
)
def test_shuffled_records_elsewhere_make_the_same_bytes(published_once, tmp_path, seed, surroundings):
    (tmp_path / "matplotlibrc").write_text("axes.grid: False\nfont.size: 30\nsvg.fonttype: path\n")
    environment = {**os.environ, **surroundings, "MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    command = [sys.executable, "-c", AGAIN, str(published_once), str(tmp_path / "again"), str(seed)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "again") == contents(published_once)


def test_a_board_is_built_again_from_its_own_records_alone(published, tmp_path):
    before = contents(published)
    for name in ("index.html", "leaderboard.md", "leaderboard.csv", "checksums.json"):
        (published / name).unlink()
    rebuild(published, tmp_path / "again")
    assert contents(tmp_path / "again") == before


def test_building_in_place_from_its_own_records_changes_nothing(published):
    before = contents(published)
    rebuild(published, published)
    assert contents(published) == before
    assert list(published.parent.iterdir()) == [published]


def test_a_failure_half_way_keeps_the_old_board_and_leaves_no_litter(published, monkeypatch):
    before = contents(published)

    def fail(table):
        raise ValueError("the disk is full")

    monkeypatch.setattr(build_module, "render", fail)
    with pytest.raises(ValueError, match="the disk is full"):
        rebuild(published, published)
    assert contents(published) == before
    assert list(published.parent.iterdir()) == [published]


def test_a_failure_of_the_swap_puts_the_old_board_back(published, monkeypatch):
    before, replace = contents(published), Path.replace

    def fail(self, target):
        if self.suffix == ".new":
            raise OSError("no")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no"):
        rebuild(published, published)
    monkeypatch.undo()
    assert contents(published) == before
    assert list(published.parent.iterdir()) == [published]


def test_a_folder_that_is_no_board_is_never_replaced(published, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="out must be a board's folder"):
        rebuild(published, home)
    assert (home / "thesis.txt").read_text() == "years of work"


def test_a_run_without_predictions_is_refused(tmp_path):
    runs = write_runs(tmp_path / "runs", KEYS)
    (runs[0] / "predictions.npz").unlink()
    with pytest.raises(ValueError, match=r"must hold predictions\.npz, got none"):
        build(make_board(KEYS), [make_entry(key) for key in KEYS], runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_definition_survives(published):
    board, entries = definition(read_summary(published))
    assert (board, entries) == (make_board(KEYS), [make_entry(key) for key in KEYS])
    assert len(record_folders(published)) == 20
