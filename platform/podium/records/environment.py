"""What a run ran on: source, versions, hardware. Frozen, and plain enough for JSON."""

import hashlib
import os
import platform
import subprocess
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import psutil

from podium.records.files import sha256_of

PACKAGES = (
    "podium",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "hydra-core",
    "mlflow",
    "ray",
    "numpy",
)
SOURCES = ("platform", "conf", "pyproject.toml", "requirements.lock")  # what can change a run
DIFF_LIMIT = 256 * 1024
GIT_TIMEOUT_S = 10.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Environment:
    """The source, the versions and the hardware of one run.

    ``commit`` is null outside a git checkout of Podium. ``diff`` is the uncommitted patch of what can change
    a run (new files included), cut to 256 KiB; ``diff_sha256`` covers all of it. ``lock`` is the SHA-256 of
    requirements.lock. ``gpus`` are the names of the devices that the run used.
    """

    commit: str | None
    diff: str | None
    diff_sha256: str | None
    lock: str | None
    python: str
    versions: dict[str, str] = field(hash=False)
    platform: str
    cpu: str
    cores: int
    memory_mib: int
    gpus: list[str] = field(hash=False)
    threads: int

    @classmethod
    def capture(cls, *, threads: int, gpus: list[str]) -> "Environment":
        """Look at this machine, and at the checkout that the podium package lies in."""
        commit, diff, lock = _source(_repository())
        return cls(
            commit=commit.decode().strip() if commit else None,
            diff=diff[:DIFF_LIMIT].decode(errors="replace") if diff is not None else None,
            diff_sha256=hashlib.sha256(diff).hexdigest() if diff is not None else None,
            lock=lock,
            python=platform.python_version(),
            versions=dict(_versions()),
            platform=platform.platform(),
            cpu=_cpu(),
            cores=_cores(),
            memory_mib=psutil.virtual_memory().total // MIB,
            gpus=list(gpus),
            threads=threads,
        )


def differences(ours: Environment, theirs: Environment) -> list[str]:
    """What differs between two environments, a readable line each; empty when nothing does."""
    lines = []
    for name in (
        "commit",
        "diff_sha256",
        "lock",
        "python",
        "platform",
        "cpu",
        "cores",
        "memory_mib",
        "threads",
    ):
        before, after = getattr(ours, name), getattr(theirs, name)
        if before != after:
            label = "uncommitted changes (SHA-256)" if name == "diff_sha256" else name
            lines.append(f"{label}: {_shown(before)} -> {_shown(after)}")
    if ours.gpus != theirs.gpus:
        lines.append(f"gpus: {', '.join(ours.gpus) or 'none'} -> {', '.join(theirs.gpus) or 'none'}")
    for package in sorted(ours.versions.keys() | theirs.versions.keys()):
        before, after = ours.versions.get(package), theirs.versions.get(package)
        if before != after:
            lines.append(f"{package}: {_shown(before)} -> {_shown(after)}")
    return lines


def _shown(value: object) -> str:
    if value is None:
        return "unknown"
    text = str(value)
    return text[:12] if len(text) in (40, 64) else text


def _repository() -> Path | None:
    """The checkout whose platform/podium this is; null for a wheel, even inside another checkout."""
    package = Path(__file__).resolve().parents[1]
    top = package.parents[1]
    return top if (top / ".git").exists() and package == top / "platform" / "podium" else None


@lru_cache(maxsize=1)
def _source(repository: Path | None) -> tuple[bytes | None, bytes | None, str | None]:
    """Commit, changes since, and the lock's hash, as this process first found them: what it imported stays what it was.

    Git is three processes, which cost a process with many pages more than a short training does.
    """
    if repository is None:
        return None, None, None
    commit, lock = _git(repository, "rev-parse", "HEAD"), repository / "requirements.lock"
    diff = _diff(repository) if commit else None
    return commit, diff, sha256_of(lock) if lock.is_file() else None


def _git(repository: Path, *arguments: str) -> bytes | None:
    """Output of a git command; null without git, outside a repository, or when it takes too long."""
    command = ["git", "--no-optional-locks", "-C", str(repository), "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=GIT_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _diff(repository: Path) -> bytes | None:
    plain = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
    patch = _git(repository, "diff", *plain, "HEAD", "--", *SOURCES)
    new = _git(repository, "ls-files", "-z", "--others", "--exclude-standard", "--", *SOURCES)
    if patch is None or new is None:
        return None
    return patch + b"".join(_new_file(repository, name) for name in sorted(new.split(b"\0")) if name)


def _new_file(repository: Path, name: bytes) -> bytes:
    """A file that git does not know yet, as a patch that adds it."""
    try:
        content = (repository / os.fsdecode(name)).read_bytes()
    except OSError:
        return b""
    lines = content.splitlines(keepends=True)
    head = b"diff --git a/%b b/%b\nnew file mode 100644\n--- /dev/null\n+++ b/%b\n" % (name, name, name)
    end = b"" if content.endswith(b"\n") or not lines else b"\n\\ No newline at end of file\n"
    return head + b"@@ -0,0 +1,%d @@\n" % len(lines) + b"".join(b"+" + line for line in lines) + end


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _cores() -> int:
    """Cores this process may use, which is what a batch system granted."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
