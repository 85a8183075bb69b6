"""The folder of configurations and the choices in it, without importing Hydra."""

import shutil
import textwrap
from collections.abc import Iterable
from pathlib import Path

import podium
from podium.run.errors import ConfigError

# The groups that each root of conf/ chooses from.
ROOTS: dict[str, tuple[str, ...]] = {
    "train": (
        "network",
        "initializer",
        "tricks",
        "task",
        "data",
        "augment",
        "optimizer",
        "schedule",
        "trainer",
        "tracking",
        "entry",
    ),
    "sweep": ("sweep", "search", "cluster"),
    "leaderboard": ("board",),
}
WIDEST = 110  # longer lines are hard to read, however wide the terminal


def conf_dir() -> Path:
    """The folder of configurations: inside the installed package, else at the top of the repository.

    Raises:
        ConfigError: neither is there.
    """
    package = Path(podium.__file__).resolve().parent
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise ConfigError(f"podium needs its folder conf/, found none in {package}; install podium again")


def groups() -> dict[str, list[str]]:
    """Every group of conf/ and the files to choose from in it."""
    return {
        folder.name: sorted(file.stem for file in folder.glob("*.yaml"))
        for folder in sorted(conf_dir().iterdir())
        if folder.is_dir()
    }


def describe(roots: Iterable[str]) -> str:
    """The choices of the roots' groups, a paragraph each, as wide as the terminal, for a command's help."""
    chosen = groups()
    names = [name for root in roots for name in ROOTS[root]]
    width = max(len(name) for name in names)
    columns = min(shutil.get_terminal_size().columns, WIDEST) - 2
    lines = [
        textwrap.fill(
            " | ".join(chosen.get(name, [])),
            width=columns,
            initial_indent=f"  {name:<{width}}  ",
            subsequent_indent=" " * (width + 4),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name in names
    ]
    how = "groups (choose with group=file)"
    if "tricks" in names:
        how = "groups (choose one file of a group with group=file, several tricks with tricks=[a,b])"
    return textwrap.fill(f"{how}:", width=columns) + "\n" + "\n".join(lines)
