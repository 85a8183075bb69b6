"""Runs packed and the same runs alone, to be compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from podium.pack.choice import Choice
from podium.pack.form import Form
from podium.pack.train import train_packed
from podium.records.record import RunRecord
from podium.run.assemble import compose
from podium.run.folders import find_folders
from podium.run.train import train

Config = dict[str, Any]
SMALL = (  # 23 steps an epoch
    "data=digits",
    "data.batch_size=16",
    "data.view.fraction=0.3",
    "tracking=none",
    "runtime.progress=false",
    "runtime.accelerator=cpu",
    "trainer.max_epochs=5",
)
MLP = ("network=dense32", "network.widths=[16,12]")
CNN = ("network=lecture_cnn", "network.filters=[4,4]", "network.widths=[8]")


def configs_of(common: Sequence[str], lanes: Sequence[str], runs: Path) -> list[Config]:
    """A configuration for each lane, whose overrides are separated by spaces."""
    return [compose([*SMALL, *common, *lane.split(), f"paths.runs={runs}"]) for lane in lanes]


def moved(config: Config, runs: Path) -> Config:
    """The same run in another folder."""
    return {**config, "paths": {**config["paths"], "runs": str(runs)}}


def packed(
    configs: Sequence[Config], *, form: Form = Form.APART, lanes: int | None = None
) -> list[RunRecord]:
    """The records of these runs as one program, however fast."""
    records, _ = train_packed(
        configs, choice=Choice(lanes or len(configs), form, 1.0), pictures=range(len(configs))
    )
    return records


def both(
    configs: Sequence[Config], tmp_path: Path, *, form: Form = Form.APART
) -> tuple[list[Any], list[Any]]:
    """The records of the runs packed, and alone."""
    together = packed([moved(config, tmp_path / "packed") for config in configs], form=form)
    alone = [train(moved(config, tmp_path / "alone")) for config in configs]
    return together, alone


def weights(config: Config, runs: Path) -> dict[str, torch.Tensor]:
    """What a run left in its file of weights."""
    (folder,) = find_folders(moved(config, runs))
    return load_file(folder / "network.safetensors")


def largest_difference(config: Config, tmp_path: Path) -> float:
    """Between weights and statistics of the run packed and alone."""
    ours, theirs = weights(config, tmp_path / "packed"), weights(config, tmp_path / "alone")
    assert ours.keys() == theirs.keys()
    return max(float((ours[name].double() - theirs[name].double()).abs().max()) for name in ours)


def assert_same_history(ours: RunRecord, theirs: RunRecord, tolerance: float = 1e-5) -> None:
    """Points of the same names at the same steps with the same values."""
    assert ours.history is not None
    assert theirs.history is not None
    assert ours.history.keys() == theirs.history.keys()
    for name, points in theirs.history.items():
        assert [step for step, _ in ours.history[name]] == [step for step, _ in points], name
        worst = max(abs(a[1] - b[1]) for a, b in zip(ours.history[name], points, strict=True))
        assert worst < tolerance, name
