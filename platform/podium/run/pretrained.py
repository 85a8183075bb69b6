"""Weights of one of our own runs: ``network.weights=runs/NAME`` stands for its network's file and that file's hash.

The words are replaced when a configuration is composed, so that an entry is named by what it begins with, and not by a
folder in which something else may lie tomorrow.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from podium.records.record import WEIGHTS_DIGITS, RunRecord, Status
from podium.run.errors import ConfigError
from podium.run.folders import WEIGHTS_FILE

_KEY = "network.weights"
_PUBLISHED = r"(torchvision|timm)($|[:@])"
# Keys of data that do not say which they are.
_ELSEWHERE = {"root", "seed", "batch_size", "split", "view", "images"}


def pinned(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the file and its hash where it begins with the weights of a run's folder.

    Raises:
        ConfigError: the run has not finished, or may have been trained on what this one is validated or tested on.
    """
    network = config.get("network")
    weights = network.get("weights") if isinstance(network, Mapping) else None
    if not isinstance(weights, str) or not weights or re.match(_PUBLISHED, weights):
        return config
    if not (folder := Path(weights).expanduser()).is_dir():
        return config
    assert isinstance(network, Mapping)
    try:
        record = RunRecord.load(folder)
    except ValueError as error:
        raise ConfigError(f"{_KEY} must be the folder of a finished run: {error}") from None
    if record.status is not Status.FINISHED or WEIGHTS_FILE not in (record.files or {}):
        raise ConfigError(
            f"{_KEY} must be the folder of a finished run, got {weights}, which is {record.status}; train it to its end"
        )
    check_apart(record.config["data"], config["data"], weights)
    digits = (record.files or {})[WEIGHTS_FILE][:WEIGHTS_DIGITS]
    return {**config, "network": {**network, "weights": f"{weights.rstrip('/')}/{WEIGHTS_FILE}@{digits}"}}


def held_out(split: Any) -> Any:
    """What of a split says which examples are not for training."""
    return {k: v for k, v in split.items() if k != "train_examples"} if isinstance(split, Mapping) else split


def check_apart(theirs: Mapping[str, Any], ours: Mapping[str, Any], folder: str) -> None:
    """Check that of the same data the split is the same, so that none was learnt that is tested here.

    Raises:
        ConfigError: it is another.
    """
    keys = {*theirs, *ours} - _ELSEWHERE
    if any(theirs.get(key) != ours.get(key) for key in keys):
        return
    splits = held_out(theirs.get("split")), held_out(ours.get("split"))
    folds = (ours.get("split") or {}).get("folds") is not None  # the seed says which one is for validation
    if splits[0] != splits[1] or (folds and theirs.get("seed") != ours.get("seed")):
        raise ConfigError(
            f"{_KEY}={folder} must not have been trained on what this run is tested on, got the same data split "
            "otherwise; give both the same data.split"
        )
