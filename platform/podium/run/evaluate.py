"""Score a finished run's saved network on its test split again, and compare with its record."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.torch
import torch

from podium.leaderboard.badges import MOST_CHANGE
from podium.records.record import RunRecord, Status
from podium.run.assemble import check_run
from podium.run.build import Assembly, build, refusals
from podium.run.changes import last_values
from podium.run.engine import pin_threads
from podium.run.errors import ConfigError
from podium.run.folders import PREDICTIONS_FILE, WEIGHTS_FILE
from podium.run.score import predict, scores


@dataclass(frozen=True)
class Evaluation:
    """What the record says and what scoring again gave, by logged name; and the largest change of a saved answer."""

    recorded: dict[str, float]
    measured: dict[str, float]
    largest_change: float

    @property
    def same(self) -> bool:
        """Whether the saved answers are confirmed."""
        return self.largest_change <= MOST_CHANGE


def evaluate(folder: Path, *, data_root: str | None = None) -> Evaluation:
    """Load network.safetensors of a run's folder into its network and score the test split.

    Raises:
        ConfigError: the run has not finished, or its files are missing or damaged.
    """
    record, parts = trained(folder, data_root=data_root)
    answers = predict(parts.task, parts.data.examples("test"), torch.device("cpu"))
    with np.load(folder / PREDICTIONS_FILE, allow_pickle=False) as saved:
        change = max(_largest_change(saved[name], answers[name]) for name in saved.files)
    recorded = {name: value for name, value in (record.metrics or {}).items() if name.startswith("test/")}
    measured = scores(answers, record.config, "test")
    return Evaluation(recorded=recorded, measured=measured, largest_change=change)


def trained(folder: Path, *, data_root: str | None = None) -> tuple[RunRecord, Assembly]:
    """The record of a finished run, and its parts with the saved weights in the network, on the CPU.

    Raises:
        ConfigError: the run has not finished, or its files are missing or damaged.
    """
    try:
        record = RunRecord.load(folder)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if record.status is not Status.FINISHED or record.metrics is None:
        raise ConfigError(
            f"{folder} must be a finished run, got one that is {record.status}; train it to its end"
        )
    config = record.config
    if data_root is not None:
        config = {**config, "data": {**config["data"], "root": data_root}}
    check_run(config)
    pin_threads(config["runtime"])
    # what it began with need not be there any more
    parts = build({**last_values(config), "network": {**config["network"], "weights": None}})
    with refusals("data"):
        parts.data.prepare_data()
        parts.data.setup("test")
    load_weights(parts.network, folder / WEIGHTS_FILE)
    return record, parts


def _largest_change(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> float:
    if before.shape != after.shape:
        return float("inf")
    return float(np.abs(before.astype(np.float64) - after).max(initial=0.0))


def load_weights(network: torch.nn.Module, path: Path) -> None:
    """Load weights from a safetensors file, which can hold no code.

    Raises:
        ConfigError: the file is missing, damaged, or of another network.
    """
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except FileNotFoundError:
        raise ConfigError(f"{path} must be there, got no such file; train the run again") from None
    except (safetensors.SafetensorError, RuntimeError) as error:
        detail = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"{path} must hold this network's weights, got {detail}; train the run again"
        ) from None
