"""What CONTRIBUTING.md says about adding things, done word for word in a copy of the house."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
GUIDE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?:python|yaml)\n(?P<content>.*?)```", re.DOTALL)
PATH = re.compile(r"`((?:platform|conf)/\S+\.(?:py|yaml))`")

USE = """
from dataclasses import replace
from pathlib import Path
import re, sys
import podium
from podium.leaderboard.board import Entry
from podium.leaderboard.build import build
from podium.run.assemble import compose, load_board
from podium.run.errors import ConfigError
from podium.run.folders import run_folder
from podium.run.train import train

house = Path(sys.argv[1])
assert Path(podium.__file__).is_relative_to(house)
chosen = ["network=radial_basis", "tricks=[disturb_label]", "data=checkerboard", "trainer.max_epochs=1"]
where = ["tracking=none", "runtime.progress=false", f"paths.runs={house / 'runs'}", f"paths.data={house / 'data'}"]
try:
    train(compose([*chosen, *where]))
except ConfigError as error:
    found = re.search("checksum CHECKSUM, got ([0-9a-f]{64})", str(error))
assert found and found[1], "the first run must say the checksum"
settings = house / "conf" / "data" / "checkerboard.yaml"
settings.write_text(settings.read_text().replace("CHECKSUM", found[1]))
config = compose([*chosen, *where])
record = train(config)
assert record.status == "finished", record
board = load_board("digits")
columns = [name for name in board.columns if name != "top3_error"]  # three classes have no top-3 error
board = replace(board, entries=["new"], seeds=[0], columns=columns)
build(board, [Entry.from_config("new", config)], [run_folder(config)], house / "report")
print((house / "report" / "leaderboard.md").read_text())
"""


def blocks() -> list[tuple[Path, str]]:
    """Every block of the guide with the path that its paragraph names last."""
    return [(Path(PATH.findall(m["before"])[-1]), m["content"]) for m in BLOCK.finditer(GUIDE)]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package and its configurations, with everything of the guide added."""
    for folder in ("platform/podium", "conf"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path, content in blocks():
        file = tmp_path / path
        if file.exists():  # a line at its end
            content = file.read_text(encoding="utf-8") + content
        file.write_text(content, encoding="utf-8")
    return tmp_path


def run(house: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(house / "platform"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=house,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_network_a_trick_and_a_data_set_are_two_files_each_and_a_column_a_file_and_a_line() -> None:
    paths = [path for path, _ in blocks()]
    assert len(paths) == len(set(paths)) == 8
    new = [path for path in paths if not (REPOSITORY / path).exists()]
    assert [path.parts[-2] for path in new] == [
        "networks",
        "network",
        "tricks",
        "tricks",
        "data",
        "data",
        "columns",
    ]
    ((edited, content),) = [(path, content) for path, content in blocks() if path not in new]
    assert (edited, content.count("\n")) == (Path("conf/board/digits.yaml"), 1)


def test_what_the_guide_adds_trains_and_stands_on_a_board(house: Path) -> None:
    page = run(house, "-c", USE, str(house))
    assert "Training, minutes" in page
    assert "radial_basis + disturb_label" in page.replace("\\", "")  # Markdown's escapes


def test_what_the_guide_adds_is_styled_like_the_house(house: Path) -> None:
    shutil.copy(REPOSITORY / "pyproject.toml", house)
    code = [str(path) for path, _ in blocks() if path.suffix == ".py"]
    run(house, "-m", "ruff", "check", "--no-cache", *code)
    run(house, "-m", "ruff", "format", "--no-cache", "--check", *code)


@pytest.mark.slow
def test_the_contract_tests_find_what_the_guide_adds_by_its_yaml(house: Path) -> None:
    shutil.copytree(REPOSITORY / "tests", house / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", house)
    contracts = ["tests/contracts/test_networks.py", "tests/contracts/test_tricks.py"]
    chosen = "(radial_basis or disturb_label) and not published_number"  # that table is the contributor's next line
    said = run(house, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *contracts)
    assert int(re.search(r"(\d+) passed", said)[1]) > 20  # type: ignore[index]


def test_the_guides_make_targets_are_there() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z-]+)`", GUIDE))
    assert named
    assert [target for target in named if f"\n{target}:" not in makefile] == []


def test_the_guides_paths_are_there() -> None:
    added = {str(path) for path, _ in blocks()}
    named = set(re.findall(r"`?((?:platform|conf|tests)/[\w/]+\.(?:py|yaml))", GUIDE)) - added
    assert named
    assert [path for path in named if not (REPOSITORY / path).is_file()] == []
