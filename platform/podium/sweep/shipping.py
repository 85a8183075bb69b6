"""What goes to the nodes of a cluster, and the look at each of them before anything is trained."""

import hashlib
import os
import platform
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import podium
from podium.run.conf import conf_dir
from podium.run.errors import ConfigError

LOOK_S = 300.0  # a node unpacks the code and imports podium in this time
SHOWN = 5  # differences that are told
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Seen:
    """What a process sees around itself."""

    code: str
    packages: dict[str, str]
    shares_folder: bool


@contextmanager
def shipped() -> Iterator[Path]:
    """The package with conf/ inside, as in a wheel, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="podium-") as folder:
        package = Path(folder) / "podium"
        shutil.copytree(Path(podium.__file__).parent, package, ignore=IGNORED)
        if not (package / "conf").is_dir():
            shutil.copytree(conf_dir(), package / "conf", ignore=IGNORED)
        yield package


def check_nodes(package: Path) -> None:
    """Compare every node with this process: the code that arrived, the packages, and the working folder.

    Raises:
        ConfigError: a node differs.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    folder = Path.cwd()
    mark = folder / f".podium-{uuid.uuid4().hex}"
    mark.touch()
    try:
        task = ray.remote(num_cpus=0, max_retries=0)(look)
        asked = {
            f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})": task.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(str(mark))
            for node in ray.nodes()
            if node["Alive"]
        }
        mine = Seen(code=digest(package), packages=packages(), shares_folder=True)
        for address, reference in asked.items():
            try:
                theirs = ray.get(reference, timeout=LOOK_S)
            except ray.exceptions.RayError as error:
                raise ConfigError(
                    f"node {address} must run podium, got {' '.join(str(error).split())[-200:]}; use the image "
                    "of this version"
                ) from None
            compare(address, mine, theirs, folder)
    finally:
        mark.unlink(missing_ok=True)


def look(mark: str) -> Seen:
    """What a node's worker sees; runs there."""
    return Seen(
        code=digest(Path(podium.__file__).parent),
        packages=packages(),
        shares_folder=Path(mark).is_file(),
    )


def compare(address: str, mine: Seen, theirs: Seen, folder: Path) -> None:
    """Find what keeps a node from training what this process would.

    Raises:
        ConfigError: other code, other packages, or a working folder of its own.
    """
    if theirs.code != mine.code:
        raise ConfigError(
            f"node {address} must run this podium, got another; take podium out of PYTHONPATH on that node"
        )
    names = sorted(mine.packages.keys() | theirs.packages.keys())
    others = [
        f"{name} {theirs.packages.get(name, 'none')} for {mine.packages.get(name, 'none')}"
        for name in names
        if mine.packages.get(name) != theirs.packages.get(name)
    ]
    if others:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        raise ConfigError(
            f"node {address} must have the same packages, got {', '.join(others[:SHOWN])}{more}; install the same "
            "requirements.lock on every node"
        )
    if not theirs.shares_folder:
        raise ConfigError(
            f"node {address} must share the folder {folder}, got another or none; call podium in a folder that all "
            "nodes mount"
        )


def packages() -> dict[str, str]:
    """Python and the versions of what podium requires."""
    found = {"python": platform.python_version()}
    for line in metadata.requires("podium") or []:
        name = re.split(r"[\s\[<>=!~;]", line, maxsplit=1)[0]
        if "extra ==" not in line:
            found[name] = _version(name)
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def digest(package: Path) -> str:
    """A hash of the code and the configurations in a package's folder."""
    total = hashlib.sha256()
    for root, folders, names in os.walk(package):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if not name.endswith(".pyc"):
                path = Path(root) / name
                total.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()
