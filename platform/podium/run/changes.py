"""Values that change in mid-training: ``trainer.changes={3:{optimizer.lr:0.02},6:{tricks.dropout.p:0.3}}``.

A run with changes is a chain of segments. Each trains to the epoch of the next change and pauses; the parts of the next
are built from the configuration with its values, and go on from the checkpoint. So weights, moments, random generators,
the order of examples and the place in the schedule go on as they are, and only the named values are others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podium.run.bind import RESERVED, check_targets
from podium.run.errors import ConfigError, nearest

BLOCKS = ("optimizer", "schedule", "tricks", "augment")  # what leaves shapes and state as they are


@dataclass(frozen=True)
class Segment:
    """The epochs from ``begin`` on, trained as the configuration says, which has no changes itself."""

    begin: int
    config: dict[str, Any]


def in_order(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """A trainer's block with its changes in the order of their epochs, which are texts as in JSON; none are null."""
    changes = trainer.get("changes")
    if isinstance(changes, Mapping):
        changes = {str(epoch): changes[epoch] for epoch in sorted(changes, key=_epoch)} or None
    return {**trainer, "changes": changes}


def segments(config: Mapping[str, Any]) -> list[Segment]:
    """The chain of a run, up to ``runtime.stop_epoch``: at least one segment; each pauses where the next begins."""
    stop = config["runtime"]["stop_epoch"]
    changes = {int(epoch): values for epoch, values in (config["trainer"].get("changes") or {}).items()}
    begins = [0, *sorted(epoch for epoch in changes if stop is None or epoch < stop)]
    current = {**config, "trainer": {**config["trainer"], "changes": None}}
    chain = []
    for begin, end in zip(begins, [*begins[1:], stop], strict=True):
        for key, value in changes.get(begin, {}).items():
            current = _with(current, key.split("."), value)
        chain.append(Segment(begin, {**current, "runtime": {**config["runtime"], "stop_epoch": end}}))
    return chain


def last_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's configuration with the values that it ends with, and no changes."""
    whole = {**config, "runtime": {**config["runtime"], "stop_epoch": None}}
    return {**segments(whole)[-1].config, "runtime": config["runtime"]}


def before(config: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    """A run's configuration without the changes that come after so many epochs: what decides how it trains until then."""
    kept = {e: v for e, v in (config["trainer"].get("changes") or {}).items() if int(e) < epochs}
    return {**config, "trainer": {**config["trainer"], "changes": kept or None}}


def check_changes(config: Mapping[str, Any]) -> None:
    """Check the changes of a configuration whose blocks are checked: epochs, keys, and types of values.

    Raises:
        ConfigError: one that cannot be, or what may not change in mid-training.
    """
    changes, last = config["trainer"].get("changes") or {}, config["trainer"]["max_epochs"] - 1
    for epoch, values in changes.items():
        if not 1 <= _epoch(epoch) <= last:
            raise ConfigError(
                f"trainer.changes must name epochs from 1 to {last}, got {epoch}; write how many are trained before"
            )
        for key in values:
            _check_key(config, key, f"trainer.changes.{epoch}")
    for segment in segments({**config, "runtime": {**config["runtime"], "stop_epoch": None}})[1:]:
        with since(segment.begin):
            check_targets(segment.config)


class since:
    """Say of what is refused since which epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConfigError):
            raise ConfigError(f"trainer.changes.{self.epoch}: {error}") from None


def _check_key(config: Mapping[str, Any], key: str, path: str) -> None:
    block, _, rest = key.partition(".")
    *parents, name = key.split(".")
    if block not in BLOCKS or not rest:
        raise ConfigError(
            f"{path} must change values of {', '.join(BLOCKS)}, got {key}, which would make it another training; fix it"
        )
    if name.startswith("_") or name in RESERVED.get(".".join(parents), {}):
        raise ConfigError(f"{path} must change values only, got {key}, which says what is built; fix it")
    known = set(_leaves(config[block], f"{block}.")) if block in config else set()
    if key not in known:
        raise ConfigError(f"{path}.{key} is not a value of this configuration; {nearest(key, known)}")


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _with(node: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy with one value changed."""
    first, *rest = path
    return {**node, first: _with(node[first], rest, value) if rest else value}


def _epoch(text: Any) -> int:
    """The number that an epoch's text stands for; 0, which is refused, for what is none."""
    return int(text) if str(text).isdecimal() else 0
