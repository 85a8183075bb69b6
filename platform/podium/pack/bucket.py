"""Which runs can be one program, from their configurations alone: runs of one shape, and the reasons of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from podium.records.record import canonical_json
from podium.run.workers import on_gpus

Config = dict[str, Any]
MOST = 256  # runs in a pack: more of them are several packs, so that an interruption loses little
TASK = "podium.tasks.classification.Classification"
OPTIMIZERS = {
    "torch.optim.SGD": ("nesterov",),
    "torch.optim.RMSprop": ("centered",),
    "torch.optim.Adam": ("amsgrad",),
    "torch.optim.AdamW": ("amsgrad",),
}  # with what runs of a pack must share of them
TRICKS = {
    "podium.tricks.dropout.Dropout": (),
    "podium.tricks.early_stopping.EarlyStopping": (),
    "podium.tricks.ema.EMA": (),
    "podium.tricks.mixup.Mixup": (),
    "podium.tricks.label_smoothing.LabelSmoothing": (),
    "podium.tricks.penalty.Penalty": ("power",),
    "podium.tricks.grad_clip.GradClip": (),
    "podium.tricks.weight_decay.WeightDecay": (),
    "podium.tricks.max_norm.MaxNorm": (),
}
MONITORED = ("validation/loss", "validation/top1_error")
RATES = frozenset({"dropout"})  # keys of networks that may differ, but for 0, where no module is made


@dataclass(frozen=True)
class Buckets:
    """Runs by their place: those of each pack, and those that train alone, each with the reason."""

    packs: list[list[int]]
    alone: dict[int, str]


def buckets(configs: Sequence[Mapping[str, Any]]) -> Buckets:
    """Group checked configurations into packs and single runs."""
    alone: dict[int, str] = {}
    groups: dict[str, list[int]] = {}
    for place, config in enumerate(configs):
        if (reason := refusal(config)) is not None:
            alone[place] = reason
        else:
            groups.setdefault(canonical_json(shape_of(config)), []).append(place)
    packs = []
    for places in groups.values():
        for begin in range(0, len(places), MOST):
            part = places[begin : begin + MOST]
            if len(part) > 1:
                packs.append(part)
            else:
                alone[part[0]] = "no other run has its shape"
    return Buckets(packs, dict(sorted(alone.items())))


def refusal(config: Mapping[str, Any]) -> str | None:
    """Why a run cannot be a part of a pack, in a few words that name the key; null where it can."""
    trainer, runtime = config["trainer"], config["runtime"]
    compiled = trainer["compile"] if on_gpus(runtime["accelerator"]) else False
    wanted = {
        "trainer.precision": (trainer["precision"], "32-true"),
        "trainer.compile": (trainer["compile"], compiled),
        "trainer.channels_last": (trainer["channels_last"], False),
        "trainer.accumulate": (trainer["accumulate"], 1),
        "trainer.changes": (trainer.get("changes"), None),
        "runtime.devices": (runtime["devices"], 1),
        "runtime.stop_epoch": (runtime["stop_epoch"], None),
    }
    for key, (value, needed) in wanted.items():
        if value != needed:
            return f"{key}={value}"
    if not _has_home(runtime["accelerator"]):
        return f"runtime.accelerator={runtime['accelerator']}"
    if (task := config["task"]["_target_"]) != TASK:
        return f"task {task.rpartition('.')[2]}"
    if augment := config.get("augment"):
        return f"augment.{next(iter(augment))}"
    if (optimizer := config["optimizer"]["_target_"]) not in OPTIMIZERS:
        return f"optimizer {optimizer.rpartition('.')[2]}"
    if config["schedule"]["_target_"].endswith("CyclicCosine"):
        return "schedule CyclicCosine"
    return _trick_refusal(config["tricks"])


def _trick_refusal(tricks: Mapping[str, Mapping[str, Any]]) -> str | None:
    for name, block in tricks.items():
        if block["_target_"] not in TRICKS:
            return f"tricks.{name}"
        if (monitor := block.get("monitor", MONITORED[0])) not in MONITORED:
            return f"tricks.{name}.monitor={monitor}"
    return None


def shape_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the runs of a pack share. Rates, strengths, initializers and schedules are not in it, nor the seed."""
    runtime, optimizer = config["runtime"], config["optimizer"]
    data = {key: value for key, value in config["data"].items() if key != "seed"}
    split = data.get("split") or {}
    drawn = None
    if split.get("train_examples") is not None:
        drawn = config["seed"]
    elif split.get("folds") is not None:
        drawn = config["seed"] % split["folds"]
    return {
        "data": data,
        "examples drawn by": drawn,
        "network": {
            key: bool(value) if key in RATES and isinstance(value, int | float) else value
            for key, value in config["network"].items()
        },
        "tricks": [
            [name, block["_target_"], *(block[key] for key in TRICKS[block["_target_"]])]
            for name, block in config["tricks"].items()
        ],
        "optimizer": [optimizer["_target_"], *(optimizer[key] for key in OPTIMIZERS[optimizer["_target_"]])],
        "trainer": config["trainer"],
        "runtime": [runtime["threads"], runtime["flush_every_n_steps"]],
        "runs": config["paths"]["runs"],
    }


def _has_home(accelerator: str) -> bool:
    """Whether packs train where a run of this accelerator trains: on a processor, or on a GPU with CUDA."""
    on_processor = accelerator == "auto" and not torch.backends.mps.is_available()
    return accelerator == "cpu" or on_gpus(accelerator) or on_processor
