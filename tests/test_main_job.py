"""The main job as a user does it: a board, the same board again, verified, and every row reproduced."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.leaderboard.rows import row_records
from podium.leaderboard.verify import verify
from podium.pack.again import train_again
from podium.run.assemble import load_board
from podium.run.reproduce import Verdict, reproduce

pytestmark = pytest.mark.slow
EPOCHS = (
    "trainer.max_epochs=2"  # the board's own 15 take minutes; nothing here depends on how well networks learn
)
SMALL = ("board=digits", "board.seeds=[0,1]", f"board.overrides=['data=digits','{EPOCHS}']")


def podium(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "podium", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=900
    )


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small board was made once."""
    folder = tmp_path_factory.mktemp("board")
    done = podium(folder, "leaderboard", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "0 are there" in done.stdout
    return folder


@pytest.mark.timeout(900)
def test_the_second_time_nothing_is_trained_and_not_a_byte_changes(board: Path) -> None:
    report = board / "reports" / "digits"
    before = {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()}
    done = podium(board, "leaderboard", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "to train" not in done.stdout
    assert before == {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()}


@pytest.mark.timeout(900)
def test_the_board_verifies_until_a_number_is_edited(board: Path) -> None:
    report = board / "reports" / "digits"
    assert podium(board, "verify", str(report)).returncode == 0
    page = report / "leaderboard.md"
    whole = page.read_bytes()
    page.write_bytes(whole.replace(b"5/5", b"6/5").replace(b"2/2", b"3/2"))
    assert any("leaderboard.md" in str(problem) for problem in verify(report))
    assert podium(board, "verify", str(report)).returncode == 1
    page.write_bytes(whole)


@pytest.mark.timeout(900)
def test_every_row_is_reproduced_to_the_bit(board: Path, tmp_path: Path) -> None:
    report = board / "reports" / "digits"
    loaded = load_board("digits")
    packed = 0
    for row in range(1, len(loaded.entries) + 1):
        records, folder = row_records(report, row), tmp_path / str(row)
        packed += sum("packed" in record.tags for record in records)
        result = reproduce(
            records, folder, board=loaded, data_root=str(board / "datasets"), train_again=train_again
        )
        assert result.verdict is Verdict.BIT_EQUAL, (row, result.reasons)
    assert packed


@pytest.mark.timeout(900)
def test_mlflow_has_every_run_under_its_entry_under_the_board(board: Path) -> None:
    query = (
        "from mlflow import MlflowClient; from pathlib import Path\n"
        "client = MlflowClient('sqlite:///' + str(Path('runs/mlflow.db').absolute()))\n"
        "runs = client.search_runs([e.experiment_id for e in client.search_experiments()], max_results=1000)\n"
        "seeds = [run for run in runs if 'podium.seed' in run.data.tags]\n"
        "parents = {run.data.tags['mlflow.parentRunId'] for run in seeds}\n"
        "print(len(seeds), len(parents), {run.info.status for run in runs})"
    )
    done = subprocess.run(
        [sys.executable, "-c", query], cwd=board, check=False, capture_output=True, text=True
    )
    entries = len(load_board("digits").entries)
    assert done.stdout.split()[:2] == [str(2 * entries), str(entries)], done.stderr
    assert "{'FINISHED'}" in done.stdout
