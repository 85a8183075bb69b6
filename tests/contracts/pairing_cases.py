"""One trick on one network: what the pairing table says of it, found by training on one small batch.

The network is as small as network_cases.py makes it, and everything else is what `podium train` composes and builds: the
trick with the values of its file, he_normal, Adam. It is trained on four pictures (signals, volumes) over and over.
"""

import copy
import hashlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from network_cases import CONF, OWN_DATA, Case, case_of, composed, data_for
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from podium.contracts import Batch
from podium.data.arrays import Arrays, Source, SplitName
from podium.data.base import DataModule
from podium.data.loader import BatchLoader
from podium.records.environment import Environment
from podium.records.record import RunRecord, Status, entry_hash
from podium.run.assemble import compose
from podium.run.build import Assembly, build, build_network, make
from podium.run.engine import loop
from podium.run.folders import WEIGHTS_FILE
from podium.tasks.base import Task

TRICKS = sorted(path.stem for path in (CONF / "tricks").glob("*.yaml"))
EXAMPLES = 4
EPOCHS = 3
BATCHES = (2, 8, 32)  # in an epoch: more are tried where fewer did not help
ENOUGH = 0.99  # of the loss before
# What is tried in turn where a trick does not learn so soon: less of it, larger steps, or a network that it holds back less.
EASIER = {
    "distillation": ["tricks.distillation.weight=0.1"],  # its teacher knows nothing
    "drop_block": ["tricks.drop_block.p=0.02"],
    "dropout": ["tricks.dropout.p=0.02"],
    "freeze": ["optimizer.lr=0.1"],
    "gradual_unfreezing": ["optimizer.lr=0.0003"],
    "sam": ["tricks.sam.rho=0.02"],
    "spectral_norm": ["network.norm=before"],
    "squeeze_excite": ["network.norm=before"],
}
COPIES = 5  # of each example in the training split, for tricks that cross-validate on it
REFUSAL = re.compile(r"((tricks\.\w+|task): )?(?P<reason>[^\n]+, got [^\n]+; [^\n]+)")
RAISE = "leave this trick out or raise the sizes"
LEARNS, TRAINS, REFUSED = "learns", "trains", "refused"


@dataclass(frozen=True)
class Cell:
    """What one trick does on one network, and why where that is not to learn."""

    outcome: str
    reason: str = ""

    @classmethod
    def read(cls, text: str) -> "Cell":
        outcome, _, reason = text.partition(": ")
        return cls(outcome, reason)

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}" if self.reason else self.outcome


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


@torch.no_grad()
def loss_of(task: Task, network: nn.Module, batch: Batch, *, moving: Set[str]) -> float:
    """The loss of a batch in evaluation: without noise, mixing, penalties and auxiliary classifiers.

    Batch normalisation that is trained takes the statistics of the batch, because running ones come late.
    """
    network = copy.deepcopy(network).eval()
    for name in moving:
        network.get_submodule(name).train()
    output = network(*batch) if task.targets in ("boxes", "sequences") else network(batch.input)
    loss: float = task.loss(output, task.truth(batch)).item()
    return loss


def statistics(network: nn.Module) -> dict[str, Tensor]:
    """The running means of batch normalisation, by the name of the module."""
    norms = {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
    return {name: norm.running_mean.clone() for name, norm in norms.items() if norm.running_mean is not None}


def outcome(network: Small, *tricks: str, batches: int) -> Cell:
    """Train with tricks, and say what came of it.

    Raises:
        AssertionError: weights are not finite, or none has moved.
        Exception: whatever is no refusal in a sentence of the house.
    """
    try:
        parts, data = network.build(*tricks)
        before = copy.deepcopy(parts.network)
        loop(parts, Path(), [*parts.tricks], loader=Repeated(data, batches), checkpoint=None)
    except ValueError as error:
        if not (refusal := REFUSAL.fullmatch(str(error))):
            raise
        return Cell(REFUSED, refusal["reason"])
    after = dict(parts.network.named_parameters())
    assert all(tensor.isfinite().all() for tensor in after.values()), "weights are not finite"
    moved = [name for name, tensor in before.named_parameters() if not torch.equal(after[name], tensor)]
    assert moved, "nothing was trained"
    now = statistics(parts.network)
    moving = {name for name, mean in statistics(before).items() if not torch.equal(now[name], mean)}
    first = loss_of(parts.task, before, network.batch, moving=moving)
    last = loss_of(parts.task, parts.network, network.batch, moving=moving)
    return Cell(LEARNS if last < ENOUGH * first else TRAINS)


class Pairs:
    """The pairs of one network: it is composed once, and so is the one on larger samples where it is needed."""

    def __init__(self, name: str, folder: Path, *, whole: bool = False) -> None:
        self.small = cache(partial(small, name, folder, whole=whole))

    def same_as(self) -> str:
        """What two files have in common that are one network once they are small."""
        config = self.small().config
        return repr((config["network"], config["task"], config["optimizer"], config["data"]["shape"]))

    def cell(self, trick: str) -> Cell:
        """The trick on the network: on larger samples where small ones do not do."""
        return self._on_fitting_samples(trick, self._trained)

    def refused(self, trick: str) -> bool:
        """Whether the trick is refused; if not, a few steps are trained, and their weights are finite."""
        few = partial(outcome, batches=BATCHES[0])
        return self._on_fitting_samples(trick, few).outcome == REFUSED

    def _on_fitting_samples(self, trick: str, train: Callable[[Small, str], Cell]) -> Cell:
        found = train(self.small(), trick)
        if found.outcome == REFUSED and found.reason.endswith(RAISE):
            return train(self.small(times=2), trick)
        return found

    def _trained(self, network: Small, trick: str) -> Cell:
        """With more batches where few do not help, then with what is easier, which the reason names."""
        found = self._longer(network, trick)
        if found.outcome != TRAINS:
            return found
        for easier in EASIER.get(trick, []):
            group, key = easier.partition("=")[0].split(".", 1)
            has_key = group != "network" or key in network.config["network"]
            if has_key and self._longer(self.small(easier), trick).outcome == LEARNS:
                return Cell(TRAINS, f"it learns with {easier}")
        raise AssertionError(f"the batch is not learned, with none of {EASIER.get(trick, [])} either")

    def _longer(self, network: Small, trick: str) -> Cell:
        found = Cell(TRAINS)
        for batches in BATCHES:
            if found.outcome == TRAINS:
                found = outcome(network, trick, batches=batches)
        return found
