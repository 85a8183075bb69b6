"""What README.md and docs/ say is so: commands exist and compose, links lead somewhere, the guide runs as written.

Conventions of the documents: a block ```console is run by the slow test, line by line, in one folder, and each line of
output that it shows must appear (numbers may differ, … stands for anything). In ```console fails the last command
must fail. Behind a command, a line ^C presses Ctrl-C once training is under way. ```console by-hand is for servers
and set-up: its commands are only checked, like those in other text.
"""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from podium import cli
from podium.run.assemble import board_and_out, check_run, compose, compose_seeds
from podium.run.benchmark import combinations
from podium.run.errors import ConfigError
from podium.run.study import load_study
from podium.sweep.ablate import configurations, make_ablation
from podium.sweep.command import check_configurations
from podium.sweep.plan import make_plan
from podium.sweep.tools import real_tools

TOP = Path(__file__).parents[1]
README = TOP / "README.md"
GUIDE = TOP / "docs" / "guide.md"
RUN = [GUIDE, TOP / "docs" / "packed-data.md", TOP / "docs" / "benchmark.md"]  # from top to bottom
DOCUMENTS = [README, *sorted((TOP / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
UNDER_WAY_S = 240.0


@dataclass
class Step:
    """A command of a document, the output that is shown behind it, and how it is meant to end."""

    command: str
    shown: list[str] = field(default_factory=list)
    interrupt: bool = False
    fails: bool = False


def steps(text: str, kinds: tuple[str, ...]) -> list[Step]:
    """The commands of the fenced blocks of these kinds. A backslash at a line's end continues it."""
    found: list[Step] = []
    for block in FENCE.finditer(text):
        if block["info"].strip() not in kinds:
            continue
        here: list[Step] = []
        for line in block["body"].replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                here.append(Step(line[2:]))
            elif line == "^C":
                here[-1].interrupt = True
            elif line.strip() and here:
                here[-1].shown.append(line)
        here[-1].fails = block["info"].strip() == "console fails"
        found += here
    return found


def all_steps(text: str) -> list[Step]:
    """The commands of all console blocks."""
    return steps(text, ("console", "console fails", "console by-hand"))


def lines_with_podium(path: Path) -> dict[str, bool]:
    """Every podium command line of a document, in blocks and between backquotes, and whether it is meant to fail."""
    text = path.read_text(encoding="utf-8")
    inline = re.findall(r"`([^`\n]*\bpodium [^`\n]+)`", FENCE.sub("", text))
    found = dict.fromkeys(inline, False) | {step.command: step.fails for step in all_steps(text)}
    return {line: fails for line, fails in found.items() if "podium " in line and "COMMAND" not in line}


def words_of(line: str) -> list[str]:
    """What follows podium in a shell line, up to a pipe or redirection."""
    words = shlex.split(line[line.index("podium ") :].replace("<(", "< ("))[1:]
    ends = [k for k, word in enumerate(words) if word in ("|", ">", "&&", ";") or word.startswith(">")]
    return [
        word.rstrip(")") if word.endswith(")") and "(" not in word else word
        for word in words[: min(ends, default=None)]
    ]


COMMANDS = [
    pytest.param(line, fails, id=f"{path.relative_to(TOP)}: {line}")
    for path in DOCUMENTS
    for line, fails in lines_with_podium(path).items()
]


def check(line: str) -> None:
    """Parse a command line as the command does, and compose what it would train."""
    words = cli._without_alias(words_of(line))
    parser, commands = cli._parsers(words)
    if words[0].startswith("-") or words[1:] in ([], ["--help"]):  # the command is only named
        assert words[0] in {*commands, "--help", "--version"}
        return
    args = cli._parse(parser, commands, words)
    if words[0] in ("train", "summary", "data"):
        check_run(compose(args.overrides))
    if words[0] == "benchmark":
        assert combinations(args.overrides)
    if words[0] == "sweep":
        check_configurations(make_plan(args.overrides, compose), real_tools())
    if words[0] == "study":
        for name in args.names:
            load_study(name)
    if words[0] in ("leaderboard", "ablate"):
        for config in planned(words[0], args):
            check_run(config)


def planned(command: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """What a board would train, or an ablation with its first seed."""
    if command == "ablate":
        modes = args.modes or ["leave_one_out"]
        ablation = make_ablation(args.overrides, modes=modes, seeds=args.seeds, metric=args.metric)
        return [configs[0] for configs in configurations(ablation).values()]
    board, _ = board_and_out(args.overrides)
    every = [compose_seeds([f"entry={key}", *board.overrides], seeds=board.seeds) for key in board.entries]
    return [config for configs in every for config in configs]


@pytest.mark.parametrize(("line", "fails"), COMMANDS)
def test_a_command_line_of_the_documents_parses_and_composes(
    line: str, fails: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    monkeypatch.chdir(tmp_path)  # where no run has a name that a document shows
    later = ("network=lenet5", "data.images.packed")  # these are found when they are built
    if fails and " train " in line and not any(word in line for word in later):
        with pytest.raises((ConfigError, SystemExit)):
            check(line)
    else:
        check(line)


def test_a_run_of_a_shown_name_would_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    line = "podium train network=lecture_cnn network.weights=runs/shown"
    monkeypatch.chdir(tmp_path)
    check(line)
    (tmp_path / "runs" / "shown").mkdir(parents=True)
    with pytest.raises(ConfigError, match="got no record"):
        check(line)


@pytest.mark.parametrize("line", ["podium trian", "podium train netwrok=linear", "podium ui --prot 5"])
def test_a_wrong_command_line_would_be_found(line: str) -> None:
    with pytest.raises((AssertionError, ConfigError, SystemExit)):
        check(line)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_every_relative_link_and_picture_exists(path: Path) -> None:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    targets = [match["target"] for match in LINK.finditer(text)]
    relative = [target.partition("#") for target in targets if "://" not in target]
    lost = [name for name, _, _ in relative if name and not (path.parent / name).exists()]
    assert not lost
    for name, _, anchor in relative:
        if anchor:
            assert anchor in anchors(path.parent / name if name else path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_every_picture_has_a_description_and_is_small(path: Path) -> None:
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        assert len(alt) > 20, target
        assert (path.parent / target).stat().st_size < 300_000, target


def anchors(path: Path) -> set[str]:
    """The names of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_lists_exactly_the_commands_that_there_are() -> None:
    listed = re.findall(r"^\| `podium (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE)
    _, commands = cli._parsers([])
    assert listed == list(commands)


def test_every_make_target_that_is_named_exists_and_every_tier_is_named() -> None:
    known = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for path in DOCUMENTS for target in re.findall(r"\bmake ([a-z][a-z-]*)\b", code_of(path))}
    assert named <= known
    assert {
        "leaderboard",
        "test",
        "test-slow",
        "test-cluster",
        "test-browser",
        "browser",
        "lint",
        "bench",
    } <= named


def code_of(path: Path) -> str:
    """What stands between backquotes and in blocks."""
    text = path.read_text(encoding="utf-8")
    blocks = [block["body"] for block in FENCE.finditer(text)]
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", FENCE.sub("", text))])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_documents_name_no_path_of_a_machine(path: Path) -> None:
    assert not re.search(r"(?<![\w.:/])/(home|tmp|work|root|Users)/\w", path.read_text(encoding="utf-8"))


def pattern(shown: str) -> re.Pattern[str]:
    """Matches a line like the shown one: other numbers, hashes and times, anything for an ellipsis."""
    parts = [re.escape(settled(part)) for part in shown.split("…")]
    return re.compile(".*".join(parts) + r"\s*$")


def settled(line: str) -> str:
    """A line with hashes and numbers replaced by #, and blanks made one."""
    line = re.sub(r"\b[0-9a-f]{8,64}\b", "#", line)
    return re.sub(r"\s+", " ", re.sub(r"±?\b\d[\d.,]*\d\b|±?\b\d\b", "#", line)).rstrip()


def test_a_shown_line_matches_with_other_numbers_and_not_with_other_words() -> None:
    assert pattern("dense32, seed 0: test top-1 error 38.16 %…").match(
        settled("dense32, seed 0: test top-1 error 7.2 %, ...")
    )
    assert not pattern("every number is right").match(settled("every number is wrong"))


def run(step: Step, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command in a shell; Ctrl-C where the document presses it. Returns the exit code and what was said."""
    with (folder / "said.txt").open("w+") as said:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {step.command}" if step.interrupt else step.command],
            cwd=folder,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if step.interrupt:
            before = points(folder)
            until = time.monotonic() + UNDER_WAY_S
            while points(folder) <= before and process.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGINT)
        code = process.wait()
        said.seek(0)
        return code, said.read()


def points(folder: Path) -> int:
    """How many points the journals below a folder hold."""
    return sum(journal.read_text().count('"point"') for journal in folder.glob("runs/*/events.jsonl"))


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("path", RUN, ids=lambda path: path.name)
def test_the_guide_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for step in steps(path.read_text(encoding="utf-8"), ("console", "console fails")):
        code, said = run(step, tmp_path, environment)
        wanted = 130 if step.interrupt else 0
        assert code != 0 if step.fails else code == wanted, f"$ {step.command}\n{said}"
        lines = [settled(line) for line in said.splitlines()]
        for shown in step.shown:
            if shown.strip() != "…":
                assert any(pattern(shown).match(line) for line in lines), f"{shown}\nis not in\n{said}"
