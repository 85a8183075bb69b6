"""Teachers: the trained network of one of our own runs, for a trick that learns from it (tricks.distillation.teacher=...).

``runs/NAME@SHA256`` is a finished run's folder with at least the first 16 digits of the hash of its network.safetensors: a
folder alone would not say which weights an entry was trained with. The teacher is looked for when a run begins, and
loaded when it trains: a run can be scored again where its teacher is not there any more.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from podium.records.record import RunRecord, Status
from podium.run.assemble import check_run
from podium.run.errors import ConfigError
from podium.run.folders import WEIGHTS_FILE
from podium.run.pretrained import held_out

_DIGITS = 16
_SAME = ("_target_", "shape", "num_classes", "checksum", "split", "view")


def trained_network(
    source: str, *, data: Mapping[str, Any], build: Callable[[Mapping[str, Any]], tuple[nn.Module, Any]]
) -> nn.Module:
    """The network of a finished run on the same data; ``build`` makes a network of a configuration.

    The random generator stays where it is: what a student draws does not depend on its teacher.

    Raises:
        ConfigError: there is no such run, its weights are other ones, or it has seen other data.
    """
    folder, record, content = _found(source, data)
    with torch.random.fork_rng(devices=[]):
        network, _ = build({**record.config, "network": {**record.config["network"], "weights": None}})
    try:
        network.load_state_dict(safetensors.torch.load(content))
    except RuntimeError as error:
        detail = str(error).strip().splitlines()[0]
        raise ConfigError(f"{folder} must hold its network's weights, got {detail}; train it again") from None
    return network


def check_teachers(config: Mapping[str, Any]) -> None:
    """Check that every teacher that a configuration names is there, before a run is begun.

    Raises:
        ConfigError: as ``trained_network``, for all but weights that do not fit their own network.
    """
    for node in config["tricks"].values():
        if "teacher" in node:
            _found(node["teacher"], config["data"])


def _found(source: str, data: Mapping[str, Any]) -> tuple[Path, RunRecord, bytes]:
    """The folder of a teacher, its record, and its weights as the file has them."""
    path, at, digits = source.rpartition("@")
    folder = Path(path if at else source).expanduser()
    try:
        record = RunRecord.load(folder)
        content = (folder / WEIGHTS_FILE).read_bytes()
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"a teacher must be the folder of a finished run, got {folder} ({error}); correct it"
        ) from None
    if record.status is not Status.FINISHED:
        raise ConfigError(
            f"a teacher must be a finished run, got {folder}, which is {record.status}; train it to its end"
        )
    _check_hash(source, digits if at else "", hashlib.sha256(content).hexdigest())
    _check_data(record.config["data"], data, folder)
    check_run(record.config)
    return folder, record, content


def _check_hash(source: str, digits: str, digest: str) -> None:
    if not re.fullmatch(rf"[0-9a-f]{{{_DIGITS},64}}", digits) or not digest.startswith(digits):
        raise ConfigError(
            f"a teacher must be named with the hash of its weights, got {source}; "
            f"write {source.rpartition('@')[0] or source}@{digest[:_DIGITS]}"
        )


def _check_data(theirs: Mapping[str, Any], ours: Mapping[str, Any], folder: Path) -> None:
    """A teacher of another split may have been trained on what its student is tested on."""
    folds = (ours.get("split") or {}).get("folds") is not None
    for key in (*_SAME, "seed") if folds else _SAME:  # the seed says which fold is for validation
        if held_out(theirs.get(key)) != held_out(ours.get(key)):
            raise ConfigError(
                f"a teacher must be trained on the same data, got {folder} with data.{key}={theirs.get(key)} where this "
                f"run has {ours.get(key)}; choose another teacher"
            )
