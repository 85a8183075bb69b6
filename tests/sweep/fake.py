"""A trainer without networks: records, epochs, pauses and failures as the real one has them, in no time.

The validation error after an epoch is a formula of configuration and seed, so that tests know every value.
"""

import os
import signal
import time
from pathlib import Path

from podium.records.environment import Environment
from podium.records.record import RunRecord, Status, entry_hash
from podium.run.folders import find_folders, run_folder
from podium.sweep.trial import Tools

METRIC = "validation/top1_error"
BASE = {"he_normal": 0.1, "glorot_normal": 0.2, "zeros": 0.8, "diverge": 0.5}
FAULTS = ("explode", "memory", "cuda_memory", "killed", "killed_once", "hangs", "hangs_once")
BASE |= dict.fromkeys(FAULTS, 0.5)
ENVIRONMENT = Environment(
    commit=None, diff=None, diff_sha256=None, lock=None, python="3", versions={}, platform="", cpu="",
    cores=1, memory_mib=1, gpus=[], threads=1,
)  # fmt: skip


def compose(overrides):
    """Enough of a composed configuration; unknown keys are refused as the real one does."""
    from podium.run.errors import ConfigError

    config = {
        "name": "fake",
        "seed": 0,
        "initializer": "he_normal",
        "tricks": {"dropout": {"p": 0.5}},
        "trainer": {"max_epochs": 9},
        "fake": {"sleep": 0.0, "seeds_spread": 0.01},
        "runtime": {
            "threads": 1,
            "devices": 1,
            "progress": True,
            "stop_epoch": None,
            "groups": [],
            "tags": {},
        },
        "tracking": {"follow": True},
        "paths": {"runs": "runs"},
        "data": {"split": {"validation": 0.1, "folds": None}},
    }
    for text in overrides:
        key, _, value = text.partition("=")
        node = config
        *parents, last = key.split(".")
        for parent in parents:
            node = node.get(parent, {})
        if last not in node:
            raise ConfigError(f"{key} is not a key of this configuration")
        try:
            node[last] = int(value)
        except ValueError:
            try:
                node[last] = float(value)
            except ValueError:
                node[last] = value
    return config


def error_after(config, epoch):
    p = config["tricks"]["dropout"]["p"]
    spread = config["fake"]["seeds_spread"] * (config["seed"] - 1)
    return BASE[config["initializer"]] + 0.2 * (p - 0.3) ** 2 + spread + 0.1 / epoch


def cost_of(config):
    """Cheaper the more is dropped; the error is least at 0.3."""
    return 1e6 * (1 - config["tricks"]["dropout"]["p"])


def find(config):
    folders = find_folders(config)
    return RunRecord.load(folders[0]) if folders else None


class OutOfMemoryError(RuntimeError):
    """As torch.OutOfMemoryError is one."""


def misbehave(config):
    """What goes wrong with a run, by its initializer; each attempt is noted."""
    kind = config["initializer"]
    if kind not in FAULTS:
        return
    log = Path(config["paths"]["runs"]) / f"{kind}-s{config['seed']}.attempts"
    log.parent.mkdir(exist_ok=True)
    with log.open("a") as file:
        file.write("begun\n")
    if kind.endswith("_once") and len(log.read_text().splitlines()) > 1:
        return
    match kind:
        case "explode":
            raise RuntimeError("the network exploded")
        case "memory":
            raise MemoryError("Unable to allocate 1 TiB")
        case "cuda_memory":
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 1 TiB")
        case "killed" | "killed_once":
            begin(config).save(run_folder(config))
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            begin(config).save(run_folder(config))
            time.sleep(3600)


def begin(config, history=None):
    folder = run_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    return RunRecord(
        name=config["name"], entry_hash=entry_hash(config), seed=config["seed"], run_key=folder.name,
        status=Status.RUNNING, config=config, environment=ENVIRONMENT, started="", history=history or {METRIC: []},
        groups=config["runtime"]["groups"], tags=config["runtime"]["tags"],
    )  # fmt: skip


def attempts(runs):
    """How often each faulty run was begun."""
    return {path.stem: len(path.read_text().splitlines()) for path in sorted(Path(runs).glob("*.attempts"))}


def train(config, *, pictures=False):
    record = find(config)
    if record is not None and record.status in (Status.FINISHED, Status.DIVERGED):
        return record
    misbehave(config)
    folder = run_folder(config)
    history = (record.history if record is not None else None) or {METRIC: []}
    record = begin(config, history)
    if config["initializer"] == "diverge":
        record = record.with_(status=Status.DIVERGED, error="the loss was NaN")
        record.save(folder)
        return record
    stop = config["runtime"]["stop_epoch"] or config["trainer"]["max_epochs"]
    for epoch in range(len(history[METRIC]) + 1, stop + 1):
        time.sleep(config["fake"]["sleep"])
        history[METRIC].append([epoch, error_after(config, epoch)])
        record.save(folder)
        with (folder / "epochs.log").open("a") as log:
            log.write(f"{epoch}\n")
    if stop < config["trainer"]["max_epochs"]:
        record = record.with_(status=Status.PAUSED)
    else:
        costs = {"multiply_adds": cost_of(config), "train_s": 1.0}
        metrics = {METRIC: history[METRIC][-1][1]}
        record = record.with_(status=Status.FINISHED, metrics=metrics, costs=costs)
    record.save(folder)
    return record


def train_anew(config, *, pictures=False):
    """As a trainer that does not look at what is there."""
    for folder in find_folders(config):
        (folder / "record.json").unlink(missing_ok=True)
    return train(config)


def stop(config, status):
    for folder in find_folders(config):
        record = RunRecord.load(folder)
        if record.status in (Status.PAUSED, Status.RUNNING):
            record.with_(status=status).save(folder)


def tools():
    return Tools(compose=compose, train=train, find=find, stop=stop)


def epochs_trained(runs):
    """Every epoch that was ever trained, by run."""
    return {
        path.parent.name: [int(line) for line in path.read_text().split()]
        for path in sorted(Path(runs).glob("*/epochs.log"))
    }
