"""Speed rows: what `podium benchmark` measured of one configuration on one hardware, repeat by repeat.

A row's key is the hash of its configuration, its hardware and the version of what computes, so a row that is there was
measured under the same conditions.
"""

import hashlib
import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from podium.leaderboard.runs import hardware_of
from podium.records.environment import Environment
from podium.records.files import write_atomically
from podium.records.record import canonical_json, entry_hash

SCHEMA = 1
COMPUTES = ("torch", "torchvision")  # of the environment's versions: what can change a speed


@dataclass(frozen=True)
class Spread:
    """The median of some repeats, and the least and the most of them."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class SpeedRow:
    """One row: ``costs`` are counted, ``repeats`` measured, each over about ``seconds`` of each kind of pass."""

    name: str
    config: dict[str, Any]
    environment: Environment
    seconds: float
    costs: dict[str, float]
    repeats: tuple[dict[str, float], ...] = ()

    @property
    def key(self) -> str:
        """What speeds depend on: configuration, hardware, versions and the length of a repeat."""
        versions = {name: self.environment.versions.get(name) for name in COMPUTES}
        parts = [entry_hash(self.config), self.hardware, versions, self.environment.python, self.seconds]
        return hashlib.sha256(canonical_json(parts).encode()).hexdigest()

    @property
    def hardware(self) -> str:
        """As boards name it."""
        return hardware_of(self.environment)

    def spread(self, name: str) -> Spread | None:
        """Over all repeats; null where not every one has it."""
        values = [repeat[name] for repeat in self.repeats if name in repeat]
        if not values or len(values) < len(self.repeats):
            return None
        return Spread(statistics.median(values), min(values), max(values))

    def save(self, folder: Path) -> None:
        """Write the row into a folder of rows."""
        text = json.dumps({"schema": SCHEMA, "key": self.key, **asdict(self)}, ensure_ascii=False, indent=1)
        write_atomically(folder / f"{self.key[:16]}.json", (text + "\n").encode())

    def found(self, folder: Path) -> "SpeedRow":
        """This row with the repeats that the folder has of it; as it is where there are none.

        Raises:
            ValueError: its file is damaged.
        """
        path = folder / f"{self.key[:16]}.json"
        if not path.is_file():
            return self
        try:
            raw: Mapping[str, Any] = json.loads(path.read_bytes())
            if raw["schema"] != SCHEMA or raw["key"] != self.key:
                raise KeyError("another schema or key")
            environment = Environment(**raw["environment"])
            repeats = tuple({name: float(v) for name, v in repeat.items()} for repeat in raw["repeats"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} must be a row of speeds, got {error!r}; delete it") from None
        return SpeedRow(self.name, self.config, environment, self.seconds, self.costs, repeats)
