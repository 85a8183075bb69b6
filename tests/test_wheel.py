"""The wheel: whole, and it works away from the repository."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


def build(kind: str, source: Path, out: Path) -> Path:
    """Build the wheel or the source distribution of a folder, with what is installed here and no network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository."""
    return build("wheel", REPOSITORY, tmp_path_factory.mktemp("wheel"))


def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def expected() -> set[str]:
    """Everything below platform/podium, and conf/ inside it."""
    package = REPOSITORY / "platform" / "podium"
    files = {
        f"podium/{p.relative_to(package)}" for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc"
    }
    conf = REPOSITORY / "conf"
    return files | {f"podium/conf/{p.relative_to(conf)}" for p in conf.rglob("*.yaml")}


def test_the_wheel_holds_the_package_and_the_configurations_and_nothing_else(wheel: Path) -> None:
    found = names(wheel)
    package = {name for name in found if not name.startswith("podium-")}
    assert package == expected()
    assert {"podium/conf/train.yaml", "podium/sweep/page.html.j2"} < package
    assert any(name.startswith("podium/leaderboard/templates/") and name.endswith(".j2") for name in package)


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = build("sdist", REPOSITORY, tmp_path / "sdist")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build("wheel", tmp_path / source.name.removesuffix(".tar.gz"), tmp_path / "wheel")
    assert names(again) == names(wheel)


def test_the_installed_wheel_works_in_another_folder(wheel: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = ["uv", "pip", "install", "--no-deps", "--offline", "--target", str(target), str(wheel)]
    subprocess.run([sys.executable, "-m", *pip], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def python(*words: str) -> str:
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=elsewhere, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    where = python(
        "-c", "import podium; from podium.run.conf import conf_dir; print(podium.__file__, conf_dir())"
    )
    assert where.split() == [str(target / "podium" / "__init__.py"), str(target / "podium" / "conf")]
    assert "650" in python("-m", "podium", "summary", "network=linear", "data=digits")
    assert (target / "bin" / "podium").is_file()
    assert list(elsewhere.iterdir()) == []
