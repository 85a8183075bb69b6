"""The record of one run: frozen, versioned, the same after a round trip through JSON.

An entry is the hash of the resolved configuration without what cannot change the experiment (seed, device,
paths, tracking, display name), so two machines agree on which runs are replicates of one another.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from podium.records.environment import Environment
from podium.records.files import write_atomically

SCHEMA = 1
WEIGHTS_DIGITS = 16  # of a SHA-256: the fewest that name a file of weights
RECORD_FILE = "record.json"
NOT_IDENTITY = frozenset(
    {
        "name",
        "seed",
        "runtime",
        "tracking",
        "paths",
        "data.root",
        "data.seed",
        "data.images.in_memory",
        "data.images.packed",
        "tricks.logistic_head.features",
    }
)
_PLAIN = (str, int, type(None))  # looked for first: a board has ten thousand configurations
# What is the same as not being named while it is null: there are records from before it.
NULL_IS_ABSENT = frozenset(
    {"data.split.train_examples", "data.images.crops", "trainer.changes", "network.halving"}
)


# Tags of a run that began from another's checkpoint: whose, and how many epochs were trained there.
BEGUN_FROM, BEGUN_EPOCHS = "begun_from", "begun_epochs"


class Status(StrEnum):
    """How a run stands. Only ``finished`` has test metrics."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True)
class DataPrint:
    """Which data a run saw: hashes of the content and of the split, and examples per split."""

    name: str
    content: str
    split: str
    sizes: dict[str, int] = field(hash=False)
    test_labels: str


@dataclass(frozen=True)
class RunRecord:
    """Everything a reader needs to judge one run, and a machine to run it again.

    ``history`` maps a logged name to [step, value] pairs; ``metrics`` holds the final ones; ``costs`` carry
    units in their names; ``groups`` are the MLflow parents, outermost first; ``files`` maps file names to
    SHA-256.
    """

    name: str
    entry_hash: str
    seed: int
    run_key: str
    status: Status
    config: dict[str, Any]
    environment: Environment
    started: str
    ended: str | None = None
    error: str | None = None
    data: DataPrint | None = None
    metrics: dict[str, float] | None = None
    costs: dict[str, float] | None = None
    history: dict[str, list[list[float]]] | None = None
    groups: list[str] | None = None
    tags: dict[str, str] | None = None
    resumes: int = 0
    files: dict[str, str] | None = None
    schema: int = SCHEMA

    @property
    def epochs_copied(self) -> int:
        """How many epochs another run trained in place of this one."""
        return int((self.tags or {}).get(BEGUN_EPOCHS, 0))

    def with_(self, **changes: Any) -> "RunRecord":
        """A copy with some fields changed."""
        return replace(self, **changes)

    def to_json(self) -> str:
        """JSON in the order of the fields, because the order of tricks in the configuration counts.

        Non-finite numbers are the strings nan, inf and -inf.
        """
        return json.dumps(_encode_numbers(asdict(self)), ensure_ascii=False, allow_nan=False, indent=1)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> "RunRecord":
        """Read a record; ``source`` is the file named in errors.

        Raises:
            ValueError: not JSON, another schema, missing or unknown fields, or a configuration that does not
                hash to the entry it claims.
        """
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise ValueError(
                f"{source} must be a JSON record, got {error}; restore it or delete its folder"
            ) from None
        if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
            found = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
            raise ValueError(
                f"{source} must have record schema {SCHEMA}, got {found}; read it with its own version"
            )
        unknown = set(raw) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(
                f"{source} must hold the fields of a record only, got {sorted(unknown)}; remove them"
            )
        try:
            raw = _decode_numbers(raw)
            raw["status"] = Status(raw["status"])
            raw["environment"] = Environment(**raw["environment"])
            raw["data"] = DataPrint(**raw["data"]) if raw.get("data") is not None else None
            record = cls(**raw)
            _check_kinds(record)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else error
            raise ValueError(
                f"{source} must be a whole record, got {what}; restore it or delete its folder"
            ) from None
        found = entry_hash(record.config)
        if record.entry_hash != found:
            raise ValueError(
                f"{source} must hold the configuration of its entry {record.entry_hash[:12]}, "
                f"got that of {found[:12]}; it was edited: restore it"
            )
        return record

    def save(self, folder: Path) -> None:
        """Write record.json into the folder: whole or not at all."""
        write_atomically(folder / RECORD_FILE, self.to_json().encode())

    @classmethod
    def load(cls, folder: Path) -> "RunRecord":
        """Read record.json of a run's folder.

        Raises:
            ValueError: there is none, or it is damaged.
        """
        path = folder / RECORD_FILE
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ValueError(
                f"{folder} must be the folder of a run, got no {RECORD_FILE}; name one below runs/"
            ) from None
        return cls.from_json(content.decode(errors="replace"), source=str(path))


def entry_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the parts of a resolved configuration that define the experiment.

    Keys are sorted first, except those of ``tricks`` and ``augment``: their order is that in which they act. 1 and 1.0 are
    one value, and no augmentation is the same as none being named, as in records from before there were any; nor does a
    null of ``NULL_IS_ABSENT`` count.
    Of a file of weights (PATH@SHA256) only the first digits of its hash count: where it lies differs between machines.
    """
    identity = _identity(config, prefix="")
    if isinstance(network := identity.get("network"), Mapping) and "@" in str(network.get("weights")):
        digits = str(network["weights"]).rpartition("@")[2][:WEIGHTS_DIGITS]
        identity["network"] = {**network, "weights": f"@{digits}"}
    for group in ("tricks", "augment"):
        if isinstance(blocks := identity.get(group), Mapping):
            identity[group] = [[name, values] for name, values in blocks.items()]
    if not identity.get("augment"):
        identity.pop("augment", None)
    return hashlib.sha256(_canonical(identity, indent=None).encode()).hexdigest()


def canonical_json(value: Any, *, indent: int | None = None) -> str:
    """The one text for a value: keys sorted, no NaN literals, UTF-8 kept."""
    return _canonical(_encode_numbers(value), indent=indent)


def _canonical(encoded: Any, *, indent: int | None) -> str:
    return json.dumps(encoded, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent)


def _identity(config: Mapping[str, Any], *, prefix: str) -> dict[str, Any]:
    """What of a configuration counts, encoded on the way: a board reads ten thousand."""
    kept: dict[str, Any] = {}
    for key, value in config.items():
        path = f"{prefix}{key}"
        if path in NOT_IDENTITY or (value is None and path in NULL_IS_ABSENT):
            continue
        if isinstance(value, _PLAIN):
            kept[key] = value
        elif isinstance(value, float):
            kept[key] = int(value) if value.is_integer() else _encode_numbers(value)
        elif isinstance(value, Mapping):
            kept[key] = _identity(value, prefix=f"{path}.")
        else:
            kept[key] = _encode_numbers(value)
    return kept


def _encode_numbers(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _encode_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode_numbers(item) for item in value]
    return value


def _check_kinds(record: RunRecord) -> None:
    """Raise TypeError for a field of the wrong kind, so that readers need not check."""
    for names, kind in _KINDS:
        for name in names:
            value = getattr(record, name)
            if value is None and name in _OPTIONAL:
                continue
            if not isinstance(value, kind) or isinstance(value, bool):
                raise TypeError(f"{name} of type {type(value).__name__}")


_OPTIONAL = frozenset(field.name for field in fields(RunRecord) if field.default is None)
_KINDS = (
    (("name", "entry_hash", "run_key", "started", "ended", "error"), str),
    (("seed", "resumes"), int),
    (("config", "metrics", "costs", "history", "tags", "files"), dict),
    (("groups",), list),
)


def _decode_numbers(raw: dict[str, Any]) -> dict[str, Any]:
    """Turn nan, inf and -inf back into numbers where numbers stand: in metrics, costs and history."""

    def number(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError(f"{value!r} where a number stands")
        return float(value) if isinstance(value, str) else value

    for name in ("metrics", "costs"):
        if raw.get(name) is not None:
            raw[name] = {key: number(value) for key, value in raw[name].items()}
    if raw.get("history") is not None:
        raw["history"] = {
            key: [[number(v) for v in pair] for pair in pairs] for key, pairs in raw["history"].items()
        }
    return raw
