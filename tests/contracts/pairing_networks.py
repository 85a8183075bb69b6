"""The networks of the pairing table, each with one fixed batch to train on.

A network is as small as network_cases.py makes it, and everything else is what `podium train` composes and builds: tricks
with the values of their files, he_normal, Adam.
"""

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from network_cases import CONF, OWN_DATA, Case, case_of, composed, data_for
from torch import Tensor

from podium.contracts import Batch
from podium.data.arrays import Arrays, Source, SplitName
from podium.data.base import DataModule
from podium.data.loader import BatchLoader
from podium.records.environment import Environment
from podium.records.record import RunRecord, Status, entry_hash
from podium.run.assemble import compose
from podium.run.build import Assembly, build, build_network, make
from podium.run.folders import WEIGHTS_FILE

TRICKS = sorted(path.stem for path in (CONF / "tricks").glob("*.yaml"))
EXAMPLES = 4
EPOCHS = 3
COPIES = 5  # of each example in the training split, for tricks that cross-validate on it


class FixedBatch(DataModule):
    """One batch, which is what is trained on and what is validated on."""

    name, remedy = "fixed_batch", "make it again"

    def __init__(self, batch: Batch, case: Case, **settings: Any) -> None:
        super().__init__(**settings)
        self.targets = case.task.targets
        self.held = Arrays(*batch, torch.arange(len(batch.target)))

    def load(self) -> Source:
        raise AssertionError("what is held needs no source")

    def answer_words(self, numbers: Tensor, _spans: Tensor, *, width: int) -> Tensor:
        """What tasks ask of data with spans: every answer is of one word."""
        return torch.ones(len(numbers), width, dtype=torch.int64)

    def examples(self, split: SplitName) -> Arrays:
        if split != "train":
            return self.held
        return Arrays(
            *(torch.cat([tensor] * COPIES) for tensor in (self.held.input, self.held.target, self.held.index))
        )


class Repeated(BatchLoader):
    """All examples as one batch, so many times an epoch."""

    def __init__(self, data: FixedBatch, times: int) -> None:
        super().__init__(data.held, batch_size=len(data.held), seed=0, shuffle=False)
        self._batches = times

    def _rows(self, epoch: int, first: int) -> Iterator[slice]:
        return (slice(None) for _ in range(first, self._batches))


@dataclass(frozen=True)
class Small:
    """A small network's configuration, with every trick there is, and its fixed batch."""

    case: Case
    config: Mapping[str, Any]
    batch: Batch

    def with_tricks(self, *names: str) -> dict[str, Any]:
        """The configuration with these tricks alone, in this order."""
        return {**self.config, "tricks": {name: self.config["tricks"][name] for name in names}}

    def build(self, *names: str) -> tuple[Assembly, FixedBatch]:
        """The parts of a run with these tricks."""
        config = self.with_tricks(*names)
        common = inspect.signature(DataModule).parameters
        values = {key: value for key, value in config["data"].items() if key in common}
        values |= {key: make(values[key], f"data.{key}") for key in ("split", "view")}
        data = FixedBatch(self.batch, self.case, **values)
        return build(config, data), data


def small(name: str, folder: Path, *more: str, times: int = 1, whole: bool = False) -> Small:
    """A network at its smallest size, or on samples of so many times their sides, with a teacher below the folder.

    ``more`` are overrides; the ``whole`` network keeps its depth.
    """
    case = case_of(name).to_learn()
    sides = (times * side for side in case.shape[1:])
    classes = case.classes if case.shape in OWN_DATA else min(case.classes, EXAMPLES)
    case = replace(case, shape=(case.shape[0], *sides), classes=classes)
    config = compose(
        [
            f"network={name}",
            f"data={data_for(case.shape)}",
            f"data.shape={list(case.shape)}",
            f"data.num_classes={case.classes}",
            "initializer=he_normal",
            f"trainer.max_epochs={EPOCHS}",
            "tracking=none",
            "runtime.progress=false",
            "runtime.accelerator=cpu",
            *([] if case.width is None else [f"network.width={case.width}"]),
            *without_machines(composed(name)),
            *([] if whole else smaller(composed(name).network)),
            f"tricks=[{','.join(TRICKS)}]",
            "tricks.distillation.teacher=later",
            "tricks.logistic_head.features=computed",
            *more,
        ]
    )
    teacher = write_teacher({**config, "tricks": {}}, folder / f"{name}-{times}")
    config["tricks"]["distillation"]["teacher"] = teacher
    return Small(case, config, case.colours(EXAMPLES))


def without_machines(config: Mapping[str, Any]) -> list[str]:
    """An autoencoder that machines pretrain has no time for them here."""
    pretrained = config["network"]["_target_"].endswith(".Autoencoder") and "pretraining" in config["task"]
    return ["task.pretraining=0"] if pretrained else []


def smaller(network: Mapping[str, Any]) -> list[str]:
    """What makes the largest networks small, as docs/catalogue/pairings.md says."""
    match network["_target_"].rpartition(".")[2]:
        case "ResNet":
            return [f"network.depth={50 if network['bottleneck'] else 18}"]
        case "CifarResNet":
            return ["network.depth=8"]
        case "WideResNet":
            return ["network.depth=10", "network.widen=1"]
        case "DenseNet":
            return [f"network.blocks={[2] * len(network['blocks'])}"]
        case "PReLUNet":
            return ["network.repeats=2"]
        case "Dense":
            return [f"network.widths={[32] * len(network['widths'])}"]
        case "TorchvisionDetection":
            return ["network.image_size=96"]
    return []


def write_teacher(config: Mapping[str, Any], folder: Path) -> str:
    """The plain network with other weights as a finished run; its name as configurations write it."""
    torch.manual_seed(1)
    network, _ = build_network(config)
    folder.mkdir(parents=True, exist_ok=True)
    content = safetensors.torch.save(
        {name: t.contiguous().clone() for name, t in network.state_dict().items()}
    )
    (folder / WEIGHTS_FILE).write_bytes(content)
    RunRecord(
        name="teacher",
        entry_hash=entry_hash(config),
        seed=config["seed"],
        run_key="teacher",
        status=Status.FINISHED,
        config=dict(config),
        environment=environment(),
        started="",
    ).save(folder)
    return f"{folder}@{hashlib.sha256(content).hexdigest()[:16]}"


@cache
def environment() -> Environment:
    return Environment.capture(threads=1, gpus=[])
