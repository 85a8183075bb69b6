"""The folder of configurations and the choices in it, without importing Hydra."""

from pathlib import Path

import podium
from podium.run.errors import ConfigError


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


RUN_GROUPS = (
    "network",
    "initializer",
    "tricks",
    "task",
    "data",
    "optimizer",
    "schedule",
    "trainer",
    "tracking",
    "entry",
)
SWEEP_GROUPS = ("sweep", "search", "cluster")


def describe(names: tuple[str, ...]) -> str:
    """The choices of some groups, one line each, for a command's help."""
    chosen = groups()
    width = max(len(name) for name in names)
    lines = [f"  {name:<{width}}  {' | '.join(chosen.get(name, []))}" for name in names]
    return "groups (choose one with group=file, several tricks with tricks=[a,b]):\n" + "\n".join(lines)
