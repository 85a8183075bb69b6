import hashlib
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from podium.records import environment as module
from podium.records.environment import Environment, differences

from .folders import HERE


@pytest.fixture(autouse=True)
def asked_for_the_first_time() -> None:
    module._source.cache_clear()


def repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of Podium with one commit, in which the module believes to lie."""
    package = folder / "platform" / "podium" / "records"
    package.mkdir(parents=True)
    (package / "environment.py").write_text("one\n")
    (folder / "requirements.lock").write_text("torch\n")
    (folder / "README.md").write_text("words\n")
    monkeypatch.setattr(module, "__file__", str(package / "environment.py"))
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first")
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def test_a_clean_checkout_has_a_commit_and_an_empty_patch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository(tmp_path, monkeypatch)
    (folder / "README.md").write_text("other words\n")  # cannot change a run
    found = Environment.capture(threads=2, gpus=["a device"])
    assert found.commit == git(folder, "rev-parse", "HEAD").strip()
    assert found.diff == ""
    assert found.lock == hashlib.sha256(b"torch\n").hexdigest()
    assert (found.threads, found.gpus) == (2, ["a device"])


def test_the_patch_holds_changed_and_new_files_and_can_be_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository(tmp_path / "a", monkeypatch)
    git(tmp_path, "clone", "-q", str(folder), "b")
    (folder / "platform/podium/records/environment.py").write_text("two\n")
    (folder / "platform/podium/new.py").write_text("new\nlines without an end")
    diff = Environment.capture(threads=1, gpus=[]).diff
    assert diff is not None
    (tmp_path / "patch").write_text(diff)
    git(tmp_path / "b", "apply", str(tmp_path / "patch"))
    for name in ("platform/podium/records/environment.py", "platform/podium/new.py"):
        assert (tmp_path / "b" / name).read_text() == (folder / name).read_text()


def test_a_long_patch_is_cut_and_hashed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = repository(tmp_path, monkeypatch)
    hashes = set()
    for end in "ab":
        (folder / "platform/podium/long.py").write_text("x = 1\n" * 100_000 + end)
        module._source.cache_clear()
        found = Environment.capture(threads=1, gpus=[])
        assert found.diff is not None
        assert len(found.diff) == module.DIFF_LIMIT
        hashes.add(found.diff_sha256)
    assert len(hashes) == 2


@pytest.mark.parametrize("lost", ["git", "repository", "time"])
def test_without_git_the_source_is_unknown_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    repository(tmp_path / "a", monkeypatch)
    if lost == "git":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif lost == "time":
        monkeypatch.setattr(module, "GIT_TIMEOUT_S", 0.0)
    else:  # a wheel installed inside someone else's checkout
        site = tmp_path / "a" / "venv" / "podium" / "records"
        site.mkdir(parents=True)
        monkeypatch.setattr(module, "__file__", str(site / "environment.py"))
    found = Environment.capture(threads=1, gpus=[])
    assert (found.commit, found.diff, found.diff_sha256) == (None, None, None)


def test_a_process_keeps_what_it_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = repository(tmp_path, monkeypatch)
    first = Environment.capture(threads=1, gpus=[])
    (folder / "platform/podium/new.py").write_text("x = 1\n")
    assert Environment.capture(threads=1, gpus=[]) == first
    module._source.cache_clear()
    assert Environment.capture(threads=1, gpus=[]) != first


def test_it_looks_at_its_own_checkout_and_not_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Environment.capture(threads=1, gpus=[]).commit
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q")
    assert Environment.capture(threads=1, gpus=[]).commit == before


def test_capturing_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from podium.records.environment import Environment;"
        "Environment.capture(threads=1, gpus=[]);"
        "print({'torch', 'mlflow', 'ray', 'pytorch_lightning', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    Environment.capture(threads=1, gpus=[])
    times = []
    for _ in range(5):
        began = time.process_time()  # git runs in other processes
        Environment.capture(threads=1, gpus=[])
        times.append(time.process_time() - began)
    assert min(times) < 0.05


def test_differences_name_each_thing_that_differs_and_only_those() -> None:
    assert differences(HERE, HERE) == []
    other = replace(HERE, threads=4, commit=None, versions={"numpy": "2.0"}, gpus=["a device"])
    assert differences(HERE, other) == [
        f"commit: {'c' * 12} -> unknown",
        "threads: 1 -> 4",
        "gpus: none -> a device",
        "numpy: unknown -> 2.0",
        "torch: 2.15.0 -> unknown",
    ]


def test_every_field_is_compared() -> None:
    for name, value in asdict(HERE).items():
        changed = {"other": "1"} if isinstance(value, dict) else ["x"] if isinstance(value, list) else "other"
        found = differences(HERE, replace(HERE, **{name: changed}))
        assert bool(found) == (name != "diff"), name  # its hash stands for the patch
