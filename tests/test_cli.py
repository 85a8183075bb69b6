"""The command line: help that costs nothing, and one line for whatever is wrong."""

import doctest
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import cli
from podium.run.conf import ROOTS, WIDEST, groups

HEAVY = (
    "torch",
    "pytorch_lightning",
    "hydra",
    "omegaconf",
    "mlflow",
    "ray",
    "numpy",
    "optuna",
    "beartype",
    "yaml",
)
COMMANDS = (
    "train",
    "summary",
    "benchmark",
    "initializers",
    "look",
    "evaluate",
    "retrieve",
    "generate",
    "translate",
    "ask",
    "nearest",
    "ensemble",
    "sweep",
    "leaderboard",
    "ablate",
    "aggregate",
    "merge",
    "publish",
    "study",
    "reproduce",
    "verify",
    "data",
    "sync",
    "ui",
    "server",
    "completion",
)


def run(*words: str) -> int:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    return int(ended.value.code or 0)


def loaded(*words: str) -> tuple[str, list[str]]:
    """What a command line prints in a fresh interpreter, and which heavy modules it imported."""
    code = (
        "import sys, podium.cli\n"
        "try: podium.cli.main(sys.argv[1:])\n"
        f"except SystemExit: print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr.splitlines()


@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ("--version",)], ids=" ".join)
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    printed, heavy = loaded(*words)
    assert "podium" in printed
    assert heavy == ["[]"]


def test_composing_would_be_seen_as_heavy() -> None:
    assert "hydra" in loaded("train", "trainer.max_epoch=1")[1][-1]


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.split("COMMAND\n")[1].splitlines() if line[4] != " "] == list(
        COMMANDS
    )


@pytest.mark.parametrize("columns", [60, 80, 400])
@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_fits_the_terminal_and_lists_its_groups(
    command: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(command, "--help") == 0
    shown = capsys.readouterr().out
    if columns < 400:
        assert max(len(line) for line in shown.splitlines()) <= columns
    roots = {
        "train": ["train"],
        "summary": ["train"],
        "benchmark": ["train"],
        "initializers": ["train"],
        "look": ["train"],
        "sweep": ["train", "sweep"],
        "leaderboard": ["leaderboard"],
        "ablate": ["train"],
        "data": ["train"],
    }
    for root in roots.get(command, []):
        for group in ROOTS[root]:
            block = shown[shown.index(f"\n  {group} ") :]
            assert all(file in block for file in groups()[group])
            assert max(len(line) for line in block.splitlines()) <= WIDEST
    assert ("groups (" in shown) == (command in roots)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"podium {podium.__version__}\n"


def test_no_command_shows_the_help_and_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == cli.EXIT_WRONG
    assert capsys.readouterr().err.startswith("usage: podium")


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("trian",), "trian is not a command; did you mean train?"),
    (("zzz",), "zzz is not a command; choose from ablate"),
    (("--verison",), "--verison is not an option of podium; did you mean --version?"),
    (("train", "--frsh"), "--frsh is not an option of podium train; did you mean --fresh?"),
    (("sweep", "--dry"), "--dry is not an option of podium sweep; did you mean --dry-run?"),
    (("evaluate",), "the following arguments are required: run; podium evaluate --help"),
    (("evaluate", "a", "b"), "podium evaluate takes no further words, got b"),
    (("evaluate", "a", "--badge"), "--row and --badge are of a board, got a; name a board's folder"),
    (("nearest", "x"), "a word, --analogy or --questions must be asked for, got none; give one"),
    (("nearest", "x", "king", "--questions", "f"), "must be asked for, got a word and --questions; give one"),
    (("nearest", "nowhere", "king"), "nowhere must be the folder of a run"),
    (("reproduce", "x"), "arguments are required: --row"),
    (("reproduce", "x", "--row", "0"), "--row: must be a whole number from 1, got '0'"),
    (("reproduce", "nowhere", "--row", "1"), "nowhere must be the folder of a board"),
    (("verify", "nowhere"), "nowhere must be the folder of a board"),
    (("sync", "nowhere"), "runs must be a folder, got nowhere"),
    (("ui", "--port", "http"), "--port: must be a whole number from 1, got 'http'"),
    (("leaderboard", "--concurrency=0"), "--concurrency: must be a whole number from 1"),
    (("leaderboard", "board=digit"), "board=digit is not in conf/board; did you mean digits?"),
    (("completion", "fish"), "invalid choice: 'fish' (choose from 'bash', 'zsh')"),
    (("train", "trainer.max_epoch=1"), "did you mean trainer.max_epochs?"),
]


def test_leaderboard_merge_is_merge(capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for words in (("merge",), ("leaderboard", "merge")):
        assert run(*words, "nowhere", "--out", "all") == cli.EXIT_WRONG
        said.append(capsys.readouterr().err)
    assert said[0] == said[1]
    assert "boards must be two or more to be merged" in said[0]


@pytest.mark.parametrize("words", [("leaderboard", "mergers"), ("leaderboard", "board=digits", "merge")])
def test_another_word_behind_leaderboard_stays_an_override(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == cli.EXIT_WRONG
    assert "must be an override such as" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "expected"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_a_wrong_line_is_answered_in_one(
    words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == cli.EXIT_WRONG
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("podium: ")
    assert said.err.count("\n") == 1
    assert expected in said.err


@pytest.mark.parametrize(
    "words", [("a=1", "--fresh", "b=2"), ("--fresh", "a=1", "b=2"), ("a=1", "b=2", "--fresh")], ids=" ".join
)
def test_overrides_stand_before_and_behind_options(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.run import command

    seen: list[Any] = []

    def note(overrides: list[str], *, fresh: bool) -> int:
        seen.append((overrides, fresh))
        return 0

    monkeypatch.setattr(command, "train_command", note)
    assert run("train", *words) == 0
    assert seen == [(["a=1", "b=2"], True)]


@pytest.mark.parametrize(
    ("error", "code"), [("Interrupted", 143), ("KeyboardInterrupt", 130), ("BrokenPipeError", 0)], ids=str
)
def test_an_end_that_was_asked_for_has_its_code(
    error: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.run import command
    from podium.run.interrupts import Interrupted

    errors = {"Interrupted": Interrupted(15), "KeyboardInterrupt": KeyboardInterrupt()}

    def end(overrides: list[str]) -> int:
        raise errors.get(error, BrokenPipeError())

    monkeypatch.setattr(command, "summary_command", end)
    assert run("summary") == code


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from podium.run import command

    def fail(overrides: list[str]) -> int:
        raise ValueError("a bug")

    monkeypatch.setattr(command, "summary_command", fail)
    with pytest.raises(ValueError, match="a bug"):
        cli.main(["summary"])


def test_summary_prints_the_catalogues_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("summary", "network=dense32", "data=mnist") == 0
    assert "25,450" in capsys.readouterr().out


def test_the_notebooks_door_works_as_its_docstring_says() -> None:
    examples = doctest.DocTestFinder().find(podium.build, "build", globs={"podium": podium})
    assert [doctest.DocTestRunner().run(example) for example in examples] == [doctest.TestResults(0, 2)]


def test_the_notebooks_door_refuses_as_the_command_line_does() -> None:
    with pytest.raises(ValueError, match="did you mean dense32"):
        podium.build("network=dense3")


def test_podium_has_no_other_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        podium.train  # type: ignore[attr-defined]  # noqa: B018


def test_the_console_script_is_this_main() -> None:
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="podium")
    assert script.load() is cli.main
    assert Path(cli.__file__).parent.name == "podium"
