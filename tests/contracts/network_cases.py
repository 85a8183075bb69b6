"""The networks of conf/network at the smallest size that they take: what the contract tests build and feed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from torch.optim.lr_scheduler import ConstantLR
from torch.utils.data import DataLoader

from podium.contracts import END, FILLING, Batch
from podium.layers.initializers import Initializer, VarianceScaling
from podium.tasks.base import Task

REPOSITORY = Path(__file__).parents[2]
CONF = REPOSITORY / "conf"
NETWORKS = sorted(file.stem for file in (CONF / "network").glob("*.yaml"))
IMAGE, SIGNAL, VOLUME, SYMBOLS = (1, 28, 28), (1, 40), (1, 8, 16, 16), (12,)
PAIRS, SKIP_GRAMS = (2,), (7,)
OWN_DATA = {
    PAIRS: ("movielens", 1),
    SKIP_GRAMS: ("skip_grams", 6),
}  # samples of one data set alone, and its classes
CLASSES = 7
NARROW = (0.125, 0.25, 0.5, 1.0)  # the first width that a network takes
RULE_EPOCHS = 8  # of a short run by a rule that is no gradient
LEAST = re.compile(r"requires (images|signals|volumes) of at least (\d+)")
KIND = re.compile(r"requires (signals|volumes|sequences|pairs|skip-grams) of ")


@dataclass(frozen=True)
class Case:
    """One network of conf/network, small: its constructor's values, and what it is fed with."""

    name: str
    task: type[Task]
    shape: tuple[int, ...]
    classes: int
    width: float | None

    @property
    def foreign(self) -> bool:
        """Whether the file is a door to other people's networks, which network.name chooses."""
        return "name" in node_of(self.name, self.shape, self.classes, self.width)

    @property
    def reads_symbols(self) -> bool:
        """Whether samples are sequences of symbols, and not of values."""
        return len(self.shape) == 1

    def with_shape(self, shape: tuple[int, ...]) -> "Case":
        return replace(self, shape=shape)

    def with_channels(self, count: int) -> "Case":
        """The same with so many channels, or of such a length; numbers of symbols are as many as they are."""
        whole = self.shape in OWN_DATA or self.task.targets == "spans"  # these keep the place of each part
        return self if whole else self.with_shape((count, *self.shape[1:]))

    def to_learn(self) -> "Case":
        """The same in colour, and with twice the width where a layer has fewer than four filters to learn with."""
        coloured = self.with_channels(3)
        filters = [
            m.out_channels for m in coloured.build().modules() if isinstance(m, nn.modules.conv._ConvNd)
        ]
        if self.width is None or min(filters, default=4) >= 4:
            return coloured
        return replace(coloured, width=2 * self.width)

    def is_narrow(self) -> bool:
        """Whether the chosen width leaves filters out; a parameter of that name may be something else."""
        nodes = [node_of(self.name, self.shape, self.classes, width) for width in (self.width, None)]
        with torch.device("meta"):
            chosen, full = (instantiate(node, _convert_="all") for node in nodes)
        return sum(p.numel() for p in chosen.parameters()) != sum(p.numel() for p in full.parameters())

    def build(self, seed: int = 0) -> nn.Module:
        """A new network with seeded weights, in training mode."""
        torch.manual_seed(seed)
        return instantiate(node_of(self.name, self.shape, self.classes, self.width), _convert_="all")

    def batch(self, examples: int) -> Batch:
        """Seeded noise, and targets of the task's kind: every class in turn, objects of every size, other symbols.

        Sequences to write are of every length from two on, with their end.
        """
        generator = torch.Generator().manual_seed(3)
        inputs = torch.rand(examples, *self.shape, generator=generator)
        if self.shape in OWN_DATA:
            inputs = torch.randint(1, 900, inputs.shape, generator=generator).float()
        elif self.reads_symbols and self.task.targets != "symbols":
            inputs = torch.randint(self.classes, inputs.shape, generator=generator).float()
        number = torch.arange(examples) % self.classes
        if self.task.targets == "classes":
            return Batch(inputs, number)
        if self.task.targets == "values":
            return Batch(inputs, torch.linspace(-1, 1, examples * self.classes).view(examples, -1))
        if self.task.targets == "symbols":
            symbols = torch.randint(self.classes, (examples, self.shape[0] + 1), generator=generator)
            return Batch(symbols[:, :-1].float(), symbols[:, 1:])
        if self.task.targets == "tags":
            return Batch(inputs, torch.randint(self.classes, inputs.shape, generator=generator))
        if self.task.targets == "sequences":
            answers = torch.randint(1, self.classes, (examples, 5), generator=generator)
            lengths = 1 + torch.arange(examples)[:, None] % 4
            answers[torch.arange(5) == lengths] = END
            return Batch(inputs, answers.where(torch.arange(5) <= lengths, FILLING))
        if self.task.targets == "spans":
            last = (number + 1).clamp(max=self.classes - 1)
            words = torch.tensor([9, END]).expand(examples, -1)
            return Batch(
                inputs, torch.cat([torch.stack([torch.arange(examples), number, last], 1), words], 1)
            )
        if self.task.targets == "masks":
            top = torch.arange(self.shape[1])[:, None] < self.shape[1] // 2
            return Batch(inputs, torch.where(top, number[:, None, None], 0).expand(-1, *self.shape[1:]))
        share = torch.linspace(0.1, 0.95, examples)[:, None]  # of the picture's sides
        height, width = self.shape[1:]
        boxes = share * torch.tensor([0.0, 0.0, width, height])
        return Batch(inputs, torch.cat([number[:, None], boxes], 1)[:, None])

    def colours(self, examples: int) -> Batch:
        """Samples that differ by more than noise, by which networks that average can tell them apart.

        A neocognitron is blind to how bright an area is, and tells noise from noise by its shapes.
        """
        batch = self.batch(examples)
        if self.reads_symbols or self.task.__name__ == "SelfOrganization":
            return batch
        generator = torch.Generator().manual_seed(4)
        level = torch.rand(examples, self.shape[0], *(1 for _ in self.shape[1:]), generator=generator)
        return Batch((batch.input + 3 * level) / 4, batch.target)

    def train(self, network: nn.Module) -> Task:
        """The network in its task, with an optimizer that learns by heart."""
        knobs = {key: value for key, value in composed(self.name).task.items() if key != "_target_"}
        return self.task(
            network=network,
            tricks=[],
            optimizer=partial(torch.optim.Adam, lr=1e-3),
            schedule=partial(ConstantLR, factor=1.0, total_iters=0),
            **knobs | {"num_classes": self.classes},
        )

    def fit(self, network: nn.Module, batch: Batch, *, epochs: int) -> list[float]:
        """Train the network on one batch, once an epoch, and give the losses: for rules that need a whole run."""
        task, losses = self.train(network), []
        told = pl.callbacks.LambdaCallback(
            on_train_batch_end=lambda *_: losses.append(task.meter.flush()["train/loss"])
        )
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            callbacks=[told],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        loader = DataLoader([batch], batch_size=None)
        trainer.fit(task, loader, loader)
        return losses


@cache
def case_of(name: str) -> Case:
    """The network at the smallest size that it takes: narrow, and samples that it does not refuse."""
    config = composed(name)
    task = get_class(config.task._target_)
    classes = 2 if task.__name__ == "BinaryClassification" else CLASSES
    widths = NARROW if isinstance(config.network.get("width"), float) else (None,)
    refusal = ""
    for width in widths:
        shape: tuple[int, ...] | None = IMAGE
        while shape is not None:
            case = Case(name, task, shape, OWN_DATA.get(shape, ("", classes))[1], width)
            try:
                case.build()
                return case if case.is_narrow() else replace(case, width=None)
            except InstantiationException as error:
                refusal = str(error.__cause__)
            shape = larger(shape, refusal)
    raise AssertionError(f"no small {name}: {refusal}")


def larger(shape: tuple[int, ...], refusal: str) -> tuple[int, ...] | None:
    """The samples that a network asks for in its refusal of others."""
    if (kind := KIND.search(refusal)) and not LEAST.search(refusal):
        kinds = {"signals": SIGNAL, "volumes": VOLUME, "sequences": SYMBOLS, "pairs": PAIRS}
        wanted = (kinds | {"skip-grams": SKIP_GRAMS})[kind[1]]
    elif least := LEAST.search(refusal):
        wanted = (shape[0], *(int(least[2]) for _ in shape[1:]))
    else:
        return None
    return wanted if wanted != shape else None


@cache
def composed(name: str, data: str = "digits") -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=[f"network={name}", f"data={data}"])


def data_for(shape: Sequence[int]) -> str:
    """The data set that samples of this shape are of, where it tells networks more than shape and classes."""
    return OWN_DATA.get(tuple(shape), ("digits", 0))[0]


def node_of(name: str, shape: tuple[int, ...], classes: int, width: float | None = None) -> dict[str, Any]:
    """The network's block for samples of a shape, without what is no constructor's argument."""
    config = composed(name, data_for(shape))
    config.data.shape, config.data.num_classes = list(shape), classes
    node = OmegaConf.to_container(config.network, resolve=True)
    assert isinstance(node, dict)
    node.pop("weights", None)
    return node if width is None else node | {"width": width}


def he_normal() -> Initializer:
    """What makes rectified networks of any depth learn from the first step, with or without normalisation."""
    return VarianceScaling(fan="in", distribution="truncated_normal", gain=2**0.5, exceptions={})


def without_dropout(network: nn.Module) -> nn.Module:
    """The network with every dropout switched off."""
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
    return network


def unreached(network: nn.Module) -> set[str]:
    """Parameters without a gradient, behind a backward pass; a bias may have one of zero."""
    return {
        key
        for key, parameter in network.named_parameters()
        if parameter.grad is None or (parameter.ndim > 1 and not parameter.grad.any())
    }


def unmoved(case: Case, network: nn.Module) -> set[str]:
    """Parameters that a short run by the task's own rule leaves as they were."""
    before = {key: parameter.clone() for key, parameter in network.named_parameters()}
    case.fit(network, case.batch(8), epochs=RULE_EPOCHS)
    return {key for key, parameter in network.named_parameters() if torch.equal(parameter, before[key])}


def calls_in_a_pass(network: nn.Module, inputs: Tensor) -> dict[str, int]:
    """How often each module is called in one pass in evaluation mode."""
    calls: dict[str, int] = {}

    def count(name: str, _module: nn.Module, _inputs: Any, _output: Any) -> None:
        calls[name] = calls.get(name, 0) + 1

    for name, module in network.named_modules():
        module.register_forward_hook(partial(count, name))
    with torch.no_grad():
        network.eval()(inputs)
    return calls


def is_frozen(now: Mapping[str, float], frozen: Mapping[str, float]) -> bool:
    """Whether figures are those of the table but for rounding, which is relative to the size of the outputs."""
    scale = abs(frozen["mean"]) + frozen["deviation"]
    return all(abs(now[key] - frozen[key]) <= 1e-4 * scale for key in ("mean", "deviation"))


def figures(case: Case) -> dict[str, float]:
    """Mean and deviation of what a seeded network gives for seeded samples, in evaluation mode."""
    network, batch = case.build().eval(), case.batch(4)
    with torch.no_grad():
        output = network(batch.input)
        if case.task.targets == "sequences":  # what is written jumps with the last bits, these logits do not
            output = network(*batch)
        if case.task.targets == "boxes":  # what is detected does so, losses do not
            output = torch.stack(list(network(*batch).values()))
    assert isinstance(output, Tensor)
    return {"mean": output.double().mean().item(), "deviation": output.double().std().item()}
