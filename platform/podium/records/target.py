"""Which MLflow a run belongs to, from its configuration's tracking block."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

SQLITE = "sqlite:///"
DATABASE_FILE = "mlflow.db"


@dataclass(frozen=True)
class Target:
    """An MLflow store. ``artifacts`` is null where a server decides."""

    uri: str
    artifacts: str | None
    experiment: str

    @property
    def database(self) -> Path | None:
        """The SQLite file; null for a server."""
        return Path(self.uri[len(SQLITE) :]) if self.uri.startswith(SQLITE) else None

    @property
    def shown(self) -> str:
        """The address without a password."""
        parts = urlsplit(self.uri)
        if "@" not in parts.netloc:
            return self.uri
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def target_of(tracking: Mapping[str, Any], runs: Path, *, uri: str | None = None) -> Target | None:
    """The store of the runs below the folder ``runs``, or the one at ``uri``; null when there is none.

    Relative paths of a configuration start at ``runs``, those of ``uri`` at the working directory.

    Raises:
        ValueError: an address that is neither SQLite nor HTTP.
    """
    experiment = str(tracking.get("experiment") or "podium")
    chosen, artifacts, base = tracking.get("uri"), tracking.get("artifacts"), runs
    if uri is not None:
        chosen, artifacts, base = uri, None, Path.cwd()
    if chosen is None:
        return None
    if chosen.startswith(("http://", "https://")):
        return Target(uri=chosen, artifacts=artifacts, experiment=experiment)
    if not chosen.startswith(SQLITE) or len(chosen) == len(SQLITE):
        raise ValueError(
            f"tracking.uri must start with sqlite:///, http:// or https://, got {chosen}; "
            "set tracking.uri=sqlite:///mlflow.db"
        )
    database = (base / chosen[len(SQLITE) :]).resolve()
    if artifacts is None or "://" not in artifacts:
        artifacts = str((runs / artifacts if artifacts else database.parent / "mlartifacts").resolve())
    return Target(uri=f"{SQLITE}{database}", artifacts=artifacts, experiment=experiment)
