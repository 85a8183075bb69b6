"""Build what a checked configuration describes: data, network with its tricks, task."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from podium.contracts import Augmentation, Batch, Targets, Trick
from podium.data.base import DataModule
from podium.layers.initializers import Initializer
from podium.run.bind import locate
from podium.run.errors import ConfigError
from podium.run.features import training_features
from podium.run.settings import RuntimeSettings, TrainerSettings
from podium.run.teacher import trained_network
from podium.run.weights import load_weights
from podium.run.workers import check_workers
from podium.tasks.base import Task


@dataclass(frozen=True)
class Assembly:
    """All parts of one run, built and tried out, not yet trained."""

    task: Task
    network: nn.Module
    tricks: list[Trick]
    data: DataModule
    trainer: TrainerSettings
    runtime: RuntimeSettings


def build(config: Mapping[str, Any], data: DataModule | None = None) -> Assembly:
    """Build every part of a run from its checked configuration, and pass one sample through the network.

    ``data`` is given where it holds arrays that no configuration can; it was made from this one.

    Raises:
        ConfigError: parts that refuse their values, or that do not fit together.
    """
    trainer, runtime = TrainerSettings(**config["trainer"]), RuntimeSettings(**config["runtime"])
    pl.seed_everything(config["seed"], verbose=False)
    data = data or make(config["data"], "data")
    network, tricks = build_network(config, data)
    if trainer.channels_last:
        network = network.to(memory_format=torch.channels_last)
    optimizer = make(config["optimizer"], "optimizer")
    schedule = make(config["schedule"], "schedule")
    _try_optimizer(optimizer, schedule)
    task = make(
        config["task"], "task", network=network, tricks=tricks, optimizer=optimizer, schedule=schedule
    )
    if task.by_rule and (trainer.accumulate > 1 or trainer.precision == "16-mixed"):
        raise ConfigError(
            f"{type(task).__name__} corrects weights itself and needs trainer.accumulate=1 and no scaled gradients, got "
            f"accumulate={trainer.accumulate} precision={trainer.precision}; raise data.batch_size, set 32-true"
        )
    if task.targets != data.targets:
        raise ConfigError(
            f"data must offer {task.targets}, which {type(task).__name__} asks for, got {data.name} with "
            f"{data.targets}; choose another data or network"
        )
    task.consult(data)
    check_workers(task, runtime.accelerator, runtime.devices)
    task.augment_with(augmentations_of_step(config, data), finish=data.finish)
    return Assembly(task=task, network=network, tricks=tricks, data=data, trainer=trainer, runtime=runtime)


def build_network(config: Mapping[str, Any], data: DataModule | None = None) -> tuple[nn.Module, list[Trick]]:
    """The network with its first weights, drawn or loaded, and the tricks' edits; and the tricks.

    Data are looked at only for an initialiser that needs training inputs: those given, or else the configuration's.

    Raises:
        ConfigError: a part refuses its values, the network cannot take the data, or its weights cannot be had.
    """
    block = dict(config["network"])
    weights = block.pop("weights", None)
    network: nn.Module = make(block, "network")
    _initialize(network, config, data)
    if weights is not None:
        load_weights(network, weights, progress=config["runtime"]["progress"])
    tricks: list[Trick] = []
    for name, node in config["tricks"].items():
        trick = _make_trick(name, node, config, data)
        with refusals(f"tricks.{name}"):
            network = trick.edit_network(network)
        tricks.append(trick)
    _try_network(network, config)
    return network, tricks


def _initialize(network: nn.Module, config: Mapping[str, Any], data: DataModule | None) -> None:
    initializer: Initializer = make(config["initializer"], "initializer")
    with refusals("initializer"):
        initializer.apply(network)
    if initializer.examples:
        inputs = training_batch(data or make(config["data"], "data"), initializer.examples).input
        with refusals("initializer"):
            initializer.adjust(network, inputs)


def training_batch(data: DataModule, examples: int) -> Batch:
    """So many training examples (or all, where there are fewer), evenly spread over the split; nothing is drawn.

    Raises:
        ConfigError: the data cannot be had.
    """
    with refusals("data"):
        data.prepare_data()
        data.setup("fit")
        found = data.examples("train")
        rows = torch.linspace(0, len(found) - 1, min(examples, len(found))).round().long()
        batch = found.batch(rows)
    return batch


def augmentations_of_step(config: Mapping[str, Any], data: DataModule) -> list[Augmentation]:
    """The augmentations that are left for the training step: the data may take over the first ones.

    Raises:
        ConfigError: as ``build_augmentations``, or the data cannot take over what it is asked to.
    """
    augmentations = build_augmentations(config, targets=data.targets)
    with refusals("data"):
        augmentations = data.take_over(augmentations)
    return augmentations


def build_augmentations(config: Mapping[str, Any], *, targets: Targets) -> list[Augmentation]:
    """The augmentations, in the order of the configuration, of data with such targets.

    Raises:
        ConfigError: one refuses its values, or does not fit the data.
    """
    augmentations: list[Augmentation] = []
    for name, node in config.get("augment", {}).items():
        augmentation: Augmentation = make(node, f"augment.{name}")
        with refusals(f"augment.{name}"):
            augmentation.check(config["data"]["shape"], targets=targets)
        augmentations.append(augmentation)
    return augmentations


def _make_trick(
    name: str, node: Mapping[str, Any], config: Mapping[str, Any], data: DataModule | None
) -> Trick:
    """A trick; what it needs of a run is handed over as a function.

    That is the loaded network of a ``teacher``, which its block names as a run, and ``features`` of the training split.
    """
    block = dict(node)
    given: dict[str, Any] = {}
    if "teacher" in block:
        given["teacher"] = partial(
            trained_network, block.pop("teacher"), data=config["data"], build=build_network
        )
    if "features" in block:
        given["features"] = training_features(
            config, block.pop("features"), lambda: data or make(config["data"], "data")
        )
    trick: Trick = make(block, f"tricks.{name}", **given)
    return trick


def make(node: Mapping[str, Any], path: str, **given: Any) -> Any:
    """Make what one checked block describes, with what the composition root hands over.

    Hydra's instantiate would do: but it puts each block into a container of its own first, which for a small network
    took five times as long as all the rest of building a run.

    Raises:
        ConfigError: the constructor refuses a value.
    """
    with refusals(path):
        return _made(node, path, given)


def _made(node: Mapping[str, Any], path: str, given: Mapping[str, Any]) -> Any:
    owner = locate(node["_target_"], path, path.partition(".")[0])
    values = {key: _value(value, path) for key, value in node.items() if key not in ("_target_", "_partial_")}
    return partial(owner, **values, **given) if node.get("_partial_") else owner(**values, **given)


def _value(value: Any, path: str) -> Any:
    """A value with whatever blocks are inside it made; a list or mapping of its own."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            return _made(value, path, {})
        return {key: _value(item, path) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item, path) for item in value]
    return value


class refusals:
    """Turn a part's ValueError into one that names the part's path in the configuration."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConfigError):
            raise error
        if isinstance(error, ValueError):
            raise ConfigError(f"{self.path}: {error}") from None


def _try_network(network: nn.Module, config: Mapping[str, Any]) -> None:
    """Pass two blank samples through, so that parts that do not fit fail here and not in the first step."""
    shape = tuple(config["data"]["shape"])
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            output = network(torch.zeros(2, *shape))
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"network must take samples of shape {shape} from data, got {error}; choose another network or data"
        ) from None
    finally:
        network.train(was_training)
    task = locate(config["task"]["_target_"], "task", "task")
    assert issubclass(task, Task)
    try:
        task.check_output(output, samples=2, num_classes=config["data"]["num_classes"], shape=shape)
    except ValueError as error:
        raise ConfigError(
            f"network must fit task={task.__name__}, but {error}; choose another network or data"
        ) from None


def _try_optimizer(optimizer: Any, schedule: Any) -> None:
    """Make both once on a stand-in parameter: torch checks their values only then."""
    with refusals("optimizer"):
        made = optimizer([nn.Parameter(torch.zeros(1))])
    with refusals("schedule"):
        schedule(made)
