"""Every pipeline from beginning to end with a small configuration, and once more when nothing is left to do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
TOP = Path(__file__).parents[1]
ONE_PASS = "trainer.max_epochs=1"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose board, sweep and only study train a few small networks for one pass."""
    top = tmp_path_factory.mktemp("small")
    for name in ("platform", "conf", "pipelines"):
        shutil.copytree(TOP / name, top / name, ignore=shutil.ignore_patterns("__pycache__"))
    edit(
        top / "conf/board/digits.yaml",
        entries=["linear", "dense32"],
        seeds=[0, 1, 2],
        overrides=["data=digits", ONE_PASS],
    )
    edit(
        top / "conf/sweep/init_dropout.yaml",
        fixed=["network=dense32", "data=digits", "tricks=[dropout]", ONE_PASS],
        space=["initializer=choice(he_normal, zeros)", "tricks.dropout.p=choice(0.1, 0.5)"],
    )
    table = top / "pipelines/imagenet_table.py"
    text = re.sub(r'NETWORKS = ".*"', 'NETWORKS = "mobilenet_25"', table.read_text(encoding="utf-8"))
    table.write_text(text, encoding="utf-8")
    for study in (top / "conf/study").glob("*.yaml"):
        if study.stem != "dropout_on_the_output":
            study.unlink()
    edit(top / "conf/study/dropout_on_the_output.yaml", overrides=["data=digits", ONE_PASS], seeds=[0, 1, 2])
    return top


def edit(path: Path, **changes: object) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert found.keys() >= changes.keys()
    path.write_text(yaml.safe_dump({**found, **changes}, sort_keys=False), encoding="utf-8")


def run(small: Path, name: str, folder: Path, *words: str) -> str:
    """What a pipeline prints; it must succeed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(small / "platform")}
    command = [sys.executable, str(small / "pipelines" / f"{name}.py"), str(folder), *words]
    done = subprocess.run(command, cwd=small, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_data_are_prepared_once(small: Path, tmp_path: Path) -> None:
    first = run(small, "prepare_data", tmp_path)
    assert len(re.findall(r"^content: [0-9a-f]{64}$", first, re.MULTILINE)) == 3
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "datasets").rglob("*") if path.is_file()}
    assert made
    assert run(small, "prepare_data", tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_the_whole_way_and_what_is_made_every_night(small: Path, tmp_path: Path) -> None:
    said = run(small, "digits", tmp_path)
    assert "bit-equal: 3 of 3" in said
    page = tmp_path / "reports/digits/index.html"
    made = {path: path.read_bytes() for path in (page, *tmp_path.glob("runs/*/record.json"))}
    assert len(made) == 1 + 4 * 3 + 2 * 3
    run(small, "nightly", tmp_path)
    assert {path: path.read_bytes() for path in (page, *tmp_path.glob("runs/*/record.json"))} == made


def test_the_sweep_takes_more_words_and_goes_on(small: Path, tmp_path: Path) -> None:
    run(small, "init_dropout", tmp_path, "seeds=2")
    records = {path: path.read_bytes() for path in tmp_path.glob("runs/*/record.json")}
    assert len(records) == 4 * 2
    run(small, "init_dropout", tmp_path, "seeds=2")
    assert {path: path.read_bytes() for path in tmp_path.glob("runs/*/record.json")} == records


def test_the_studies_make_their_book(small: Path, tmp_path: Path) -> None:
    run(small, "studies", tmp_path)
    book = (tmp_path / "reports/studies/README.md").read_text(encoding="utf-8")
    assert "1 study:" in book
    assert (tmp_path / "reports/studies/dropout_on_the_output/index.html").is_file()


def test_the_imagenet_table_is_measured_once(small: Path, tmp_path: Path) -> None:
    words = ("--repeats", "1", "--seconds", "0.05")
    run(small, "imagenet_table", tmp_path, *words)
    page = tmp_path / "reports/imagenet/benchmark.csv"
    before = page.read_bytes()
    assert b"mobilenet_25" in before
    run(small, "imagenet_table", tmp_path, *words)
    assert page.read_bytes() == before
