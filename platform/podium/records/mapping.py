"""How a record reads in MLflow: parameters, tags, final metrics and a description. Does not import MLflow."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from podium.records.record import RunRecord, Status

PARAM_LIMIT = 6000  # characters that MLflow takes as a parameter's value
TAG_LIMIT = 8000
UNTOLD = ("tracking", "paths")  # of this machine, and the place where a password could stand
OUTCOME = {  # our status -> MLflow's
    Status.RUNNING: "RUNNING",
    Status.FINISHED: "FINISHED",
    Status.STOPPED: "FINISHED",
    Status.PAUSED: "SCHEDULED",
    Status.INTERRUPTED: "KILLED",
    Status.FAILED: "FAILED",
    Status.DIVERGED: "FAILED",
}
DIED = "died"  # the tag of a record whose process ended without a word


def outcome(record: RunRecord) -> str:
    """MLflow's status for a run: one that died without a word failed, whatever may resume it later."""
    return "FAILED" if DIED in (record.tags or {}) else OUTCOME[record.status]


def params(record: RunRecord) -> dict[str, str]:
    """The configuration by dotted key, without what belongs to this machine."""
    told = {key: value for key, value in record.config.items() if key not in UNTOLD}
    return {key: text[:PARAM_LIMIT] for key, text in _flat(told, "")}


def tags(record: RunRecord) -> dict[str, str]:
    """Tags by which runs are found and grouped in MLflow; the run's own tags get the prefix podium."""
    own = {key if "." in key else f"podium.{key}": value for key, value in (record.tags or {}).items()}
    told = {
        **own,
        "podium.run_key": record.run_key,
        "podium.entry": record.name,
        "podium.entry_hash": record.entry_hash,
        "podium.seed": str(record.seed),
        "podium.configuration": record.groups[-1] if record.groups else record.name,
        "podium.status": str(record.status),
        "podium.commit": record.environment.commit or "unknown",
        "mlflow.runName": f"{record.name} seed {record.seed}",
        "mlflow.note.content": note(record),
    }
    if record.environment.commit:
        told["mlflow.source.git.commit"] = record.environment.commit
    return {key: str(value)[:TAG_LIMIT] for key, value in told.items()}


def group_keys(record: RunRecord) -> list[str]:
    """A key for each of the run's groups, outermost first; it holds those around it."""
    groups = record.groups or []
    return [json.dumps(groups[: depth + 1], ensure_ascii=False) for depth in range(len(groups))]


def final_metrics(record: RunRecord) -> dict[str, float]:
    """Final metrics by name, and the costs under cost/."""
    costs = {f"cost/{name}": value for name, value in (record.costs or {}).items()}
    return {**(record.metrics or {}), **costs}


def note(record: RunRecord) -> str:
    """A description in Markdown: what it is, how it ended, how to run it again."""
    network = str(record.config.get("network", {}).get("_target_", "a network")).rpartition(".")[2]
    tricks = ", ".join(record.config.get("tricks") or {}) or "none"
    data = record.data.name if record.data else "no data"
    lines = [f"**{_plain(record.name)}**, seed {record.seed}: {network} on {data}; tricks: {tricks}.", ""]
    lines += [f"Status: **{record.status}**{f' ({_plain(record.error)})' if record.error else ''}.", ""]
    told = final_metrics(record)
    if told:
        rows = (f"| {_plain(name)} | {value:.6g} |" for name, value in sorted(told.items()))
        lines += ["| result | value |", "|---|---:|", *rows, ""]
    lines += [
        "Run again: `config.yaml` among the artifacts is the whole configuration, `record.json` the result."
    ]
    lines += [f"Entry `{record.entry_hash[:12]}`, commit `{(record.environment.commit or 'unknown')[:12]}`."]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|])", r"\\\1", " ".join(text.split()))


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
