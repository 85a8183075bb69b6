"""Words offered behind Tab, asked for directly and in real shells."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import cli
from podium.run.completion import SCRIPTS, CommandWords, complete
from podium.run.conf import ROOTS, groups

COMMANDS = {
    "train": CommandWords(roots=("train",), words=("-h", "--help", "--fresh")),
    "sweep": CommandWords(roots=("train", "sweep"), words=("-h", "--help", "--dry-run", "--cancel")),
    "leaderboard": CommandWords(roots=("leaderboard",), words=("-h", "--help")),
    "completion": CommandWords(roots=(), words=("-h", "--help", "bash", "zsh")),
    "verify": CommandWords(roots=(), words=("-h", "--help", "--badge")),
}
L_TRICKS = ("l1", "l2", "label_smoothing", "layer_rates", "logistic_head")
SPLIT = ("validation", "test", "folds", "train_examples", "seed")
LINES: list[tuple[str, list[str]]] = [
    ("podium ", list(COMMANDS)),
    ("podium tr", ["train"]),
    ("podium completion ", ["-h", "--help", "bash", "zsh"]),
    ("podium train --f", ["--fresh"]),
    ("podium train tracki", ["tracking=", "tracking."]),
    ("podium train network=lenet", ["network=lenet5", "network=lenet5_1998"]),
    ("podium train tricks=[l", [f"tricks=[{name}" for name in L_TRICKS]),
    ("podium train tricks=[l1,l", [f"tricks=[l1,{name}" for name in L_TRICKS[1:]]),
    ("podium train tricks=[mixup,dropout", ["tricks=[mixup,dropout]", "tricks=[mixup,dropout,"]),
    ("podium train 'tricks=[mix", ["tricks=[mixup]", "tricks=[mixup,"]),
    ("podium train tricks=[mixup]", ["tricks=[mixup]"]),
    ("podium train tricks=mix", ["tricks=mixup"]),
    ("podium sweep network=lenet5,li", ["network=lenet5,linear"]),
    ("podium sweep 'initializer=choice(zeros,orth", ["initializer=choice(zeros,orthogonal"]),
    ("podium sweep sweep=in", ["sweep=init_dropout"]),
    ("podium sweep see", ["seed=", "seeds="]),
    ("podium leaderboard board=di", ["board=digits"]),
    ("podium leaderboard board.al", ["board.alpha="]),
    ("podium train na", ["name="]),
    ("podium train tas", ["task=", "task."]),
    ("podium train trainer.max", ["trainer.max_epochs="]),
    ("podium train data.spl", ["data.split."]),
    ("podium train data.split.", [f"data.split.{key}=" for key in SPLIT]),
    ("podium train network=lenet5 network.th", ["network.third="]),
    ("podium train network=linear network.th", []),
    ("podium train tricks=[l2] tricks.l", ["tricks.l2."]),
    ("podium train 'tricks=[l2]' tricks.l2.", ["tricks.l2.power=", "tricks.l2.strength="]),
    ("podium train tricks.l", []),
    ("podium train trainer.max_epochs=", []),
    ("podium train nothing=", []),
    ("podium nothing ", []),
    ("podium verify re", []),
]


@pytest.mark.parametrize(("line", "offered"), LINES, ids=[line for line, _ in LINES])
def test_a_line_is_completed(line: str, offered: list[str]) -> None:
    assert complete(line, COMMANDS) == offered


@pytest.mark.parametrize("group", [group for names in ROOTS.values() for group in names])
def test_every_file_of_every_group_is_offered(group: str) -> None:
    command = next(name for name, words in COMMANDS.items() for r in words.roots if group in ROOTS[r])
    bracket = "[" if group == "tricks" else ""
    assert complete(f"podium {command} {group}=", COMMANDS) == [
        f"{group}={bracket}{f}" for f in groups()[group]
    ]


def test_every_folder_of_conf_is_a_group_of_some_root() -> None:
    assert set(groups()) - {"study"} == {group for names in ROOTS.values() for group in names}


def test_studies_are_offered_by_their_names():
    _, parsers = cli._parsers([])
    words = cli._words(parsers["study"])
    assert complete("podium study run zeros", {"study": words}) == ["zeros_never_learn"]
    assert complete("podium study ru", {"study": words}) == ["run"]


@pytest.mark.parametrize(
    "wrong", ["network=nothing", "tricks=[nothing]", "nothing=1", "trainer.max_epochs=many", "~"]
)
def test_a_wrong_word_earlier_in_the_line_does_not_end_completion(wrong: str) -> None:
    assert complete(f"podium train {wrong} trainer.max", COMMANDS) == ["trainer.max_epochs="]


class Shell:
    """An interactive shell on a terminal of its own, in which Tab is pressed."""

    def __init__(self, command: list[str], environment: dict[str, str], setup: list[str]) -> None:
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execvpe(command[0], command, environment)
        for line in setup:
            self.send(f"{line}\r")
        self.send("echo shell is rea''dy\r")
        self.read_until(r"shell is ready")

    def send(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def read_until(self, pattern: str) -> re.Match[str]:
        text, end = "", time.monotonic() + 60
        while (found := re.search(pattern, text)) is None:
            assert time.monotonic() < end, text
            if select.select([self.terminal], [], [], 1)[0]:
                text += os.read(self.terminal, 65536).decode(errors="replace")
        return found

    def after_tab(self, line: str) -> str:
        """The line that stands there when Tab was pressed behind it; Ctrl-G shows and clears it."""
        self.send(f"{line}\t\x07")
        return self.read_until(r"LINE<([^>]*)>").group(1)

    def close(self) -> None:
        os.close(self.terminal)
        os.waitpid(self.process, 0)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose first program named podium is this one, in a folder with a file to complete."""
    folder = tmp_path_factory.mktemp("shell")
    program = folder / "podium"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m podium "$@"\n')
    program.chmod(0o755)
    (folder / "reports_of_mine").mkdir()
    for shell, script in SCRIPTS.items():
        (folder / f"podium.{shell}").write_text(script)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(folder), "PS1": "> ", "TERM": "dumb"}


def script_of(environment: dict[str, str], shell: str) -> Path:
    return Path(environment["HOME"]) / f"podium.{shell}"


@pytest.fixture(scope="module")
def bash(environment: dict[str, str]) -> Iterator[Shell]:
    """bash with the script, as behind a first login."""
    setup = [
        "cd",
        "bind 'set bell-style none'",
        """bind -x '"\\C-g": printf "\\nLINE<%s>\\n" "$READLINE_LINE"; READLINE_LINE='""",
        f"source {script_of(environment, 'bash')}",
    ]
    shell = Shell(["bash", "--norc", "--noprofile", "-i"], environment, setup)
    yield shell
    shell.close()


@pytest.fixture(scope="module")
def zsh(environment: dict[str, str]) -> Iterator[Shell]:
    """zsh with the script, as behind a first login."""
    if shutil.which("zsh") is None:
        pytest.skip("this machine has no zsh")
    setup = [
        "cd",
        "autoload -Uz compinit && compinit -u -D",
        "unsetopt beep; LISTMAX=1000",
        """show() { zle -I; print -r -- "LINE<$BUFFER>"; BUFFER= }; zle -N show; bindkey '^G' show""",
        f"source {script_of(environment, 'zsh')}",
    ]
    shell = Shell(["zsh", "-f", "-i"], {**environment, "ZDOTDIR": environment["HOME"]}, setup)
    yield shell
    shell.close()


PRESSED: list[tuple[str, str]] = [
    ("podium lea", "podium leaderboard "),
    ("podium train netw", "podium train network"),
    ("podium train initializer=orth", "podium train initializer=orthogonal "),
    ("podium train network=lecture_cnn_b", "podium train network=lecture_cnn_bn_"),
    ("podium train tricks=[dropo", "podium train tricks=[dropout"),
    ("podium train tricks=[dropout,mi", "podium train tricks=[dropout,mixup"),
    ("podium train tricks=[dropout,mixup]", "podium train tricks=[dropout,mixup] "),
    ("podium train --fr", "podium train --fresh "),
    ("podium leaderboard board=di", "podium leaderboard board=digits "),
    ("podium train network=linear trainer.max", "podium train network=linear trainer.max_epochs="),
    ("podium train data.spl", "podium train data.split."),
    ("podium verify reports_", "podium verify reports_of_mine/"),
    ("true; podium completion z", "true; podium completion zsh "),
]


@pytest.mark.parametrize(("typed", "line"), PRESSED, ids=[typed for typed, _ in PRESSED])
def test_bash_completes(bash: Shell, typed: str, line: str) -> None:
    assert bash.after_tab(typed) == line


def test_bash_completes_in_quotes_and_by_path(bash: Shell) -> None:
    assert bash.after_tab("podium train 'tricks=[dropo") == "podium train 'tricks=[dropout"
    assert bash.after_tab("~/podium train initializer=orth") == "~/podium train initializer=orthogonal "


@pytest.mark.parametrize(("typed", "line"), PRESSED, ids=[typed for typed, _ in PRESSED])
def test_zsh_completes(zsh: Shell, typed: str, line: str) -> None:
    assert zsh.after_tab(quoted(typed)) == quoted(line)


def quoted(line: str) -> str:
    """As zsh writes it: a bare [ begins a pattern, and Tab behind one completes nothing."""
    return re.sub(r"([\[\]])", r"\\\1", line)


def test_zsh_completes_in_quotes_and_by_path(zsh: Shell) -> None:
    assert zsh.after_tab("podium train tricks=") == "podium train tricks=\\["
    assert zsh.after_tab("podium train 'tricks=[dropo") == "podium train 'tricks=[dropout"
    assert zsh.after_tab("~/podium train initializer=orth") == "~/podium train initializer=orthogonal "


def test_a_bare_list_reaches_podium_from_zsh_by_the_script_alone(zsh: Shell) -> None:
    zsh.send("podium train tricks=[drapout]\r")
    zsh.read_until("did you mean dropout")
    zsh.send("\\podium train tricks=[drapout]\r")  # the backslash leaves the script's alias out
    zsh.read_until("no matches found: tricks=")


def test_without_the_script_a_shell_completes_nothing(environment: dict[str, str], bash: Shell) -> None:
    bash.send("complete -r podium\r")
    assert bash.after_tab("podium lea") == "podium lea"
    bash.send(f"source {script_of(environment, 'bash')}\r")
    assert bash.after_tab("podium lea") == "podium leaderboard "


def test_completing_a_key_imports_neither_torch_nor_beartype(environment: dict[str, str]) -> None:
    code = (
        "import sys; from podium.run.completion import *; "
        "print(complete('podium train trainer.max', {'train': CommandWords(roots=('train',), words=())})); "
        "print([m for m in ('torch', 'pytorch_lightning', 'beartype', 'numpy', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines() == ["['trainer.max_epochs=']", "[]"]
