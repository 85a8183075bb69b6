import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from leaderboard.factory import make_board, make_entry, write_failure, write_run, write_runs
from podium.leaderboard.build import build
from podium.records.record import Status

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KEYS = ["linear", "dense32", "dense512", "lecture_cnn", "cifar_resnet20"]
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "formula": '=HYPERLINK("http://evil.example","click")',
    "markdown": "a|b`c`\nsecond <b>line</b>",
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; a machine without it fails, it does not skip."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail(
            "the browser tests need chromium, got none on PATH; run apt-get install -y chromium",
            pytrace=False,
        )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with hostile names and one diverged run."""
    runs, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("reports") / "digits"
    folders = write_runs(runs, KEYS)
    for key, name in HOSTILE.items():
        folders += [write_run(runs, key, seed, name=name, rate=0.03) for seed in range(4)]
        if key == "script":
            folders.append(write_failure(runs, key, 4, Status.DIVERGED, f"NaN {name}", name=name))
        else:
            folders.append(write_run(runs, key, 4, name=name, rate=0.03))
    keys = [*KEYS, *HOSTILE]
    entries = [make_entry(key, HOSTILE.get(key)) for key in keys]
    build(make_board(keys), entries, folders, out)
    return out
