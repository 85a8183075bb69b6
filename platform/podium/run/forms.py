"""The fastest form of a run's training here: precision, memory layout and, on a GPU, compilation; found by measuring.

`podium train` puts it in the place of ``auto`` before anything is hashed or built, so the record names the form that was
used. Only what leaves the run's loss where it was is a form of it, and only what is clearly faster than the plain one
takes its place. What was found is remembered beside the runs, by machine and shape.
"""

import hashlib
import itertools
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from podium.contracts import Batch
from podium.layers.channels_last import corrupted
from podium.records.files import write_atomically
from podium.records.record import canonical_json
from podium.run.assemble import check_run
from podium.run.build import Assembly, build, training_batch
from podium.run.engine import compile_network, pin_threads, plain_memory
from podium.run.errors import ConfigError
from podium.run.under_way import environment_of
from podium.run.workers import on_gpus

AUTO = "auto"
FORMS_FILE = ".forms.json"
CLEARLY = 1.05  # times as fast: less is noise
SAME = 0.05  # of the loss of the first step, by which a form may differ
WARM_UP, ROUNDS, AT_MOST_S = 1, 5, 30.0
Config = dict[str, Any]
_notes = logging.getLogger("podium")


@dataclass(frozen=True)
class Form:
    """How steps are carried out, by the keys of conf/trainer."""

    precision: str = "32-true"
    channels_last: bool = False
    compile: bool | str = False


PLAIN = Form()
MEASURED = ("32-true", "bf16-mixed")


@dataclass(frozen=True)
class Found:
    """The form to train in, and how many times as fast as the plain one it was."""

    form: Form
    speedup: float


def asked(trainer: Mapping[str, Any]) -> list[str]:
    """The keys of a form whose value is ``auto``."""
    return [key for key in asdict(PLAIN) if trainer.get(key) == AUTO]


def with_form(config: Config) -> Config:
    """The configuration with the fastest form in the place of ``auto``.

    Raises:
        ConfigError: a wrong key or value, or parts that do not fit together.
    """
    keys = asked(config["trainer"])
    if not keys:
        return config
    plain = _in_form(config, PLAIN, keys)
    check_run(plain)
    if (precision := plain["trainer"]["precision"]) not in MEASURED:
        raise ConfigError(
            f"trainer.{keys[0]}=auto needs a precision that is measured, got {precision}; "
            f"set one of {', '.join(MEASURED)}, auto"
        )
    pin_threads(plain["runtime"])
    path = Path(plain["paths"]["runs"]).absolute() / FORMS_FILE
    known, key = _read(path), _key(plain, keys)
    if key not in known:
        write_atomically(
            path, canonical_json({**known, key: asdict(measure(plain, keys))}, indent=1).encode()
        )
        known = _read(path)
    found = _found(known[key])
    told = ", ".join(f"trainer.{name}={getattr(found.form, name)}" for name in keys)
    _notes.info("%s: %.2f times as fast as the plain form", told, found.speedup)
    return _in_form(plain, found.form, keys)


def measure(config: Config, keys: Sequence[str]) -> Found:
    """Time a step of this run in each form that its keys leave open."""
    parts = build(config)
    if parts.task.by_rule:
        return Found(_form_of(config), 1.0)  # it corrects weights itself, in single precision
    device = torch.device("cuda" if on_gpus(parts.runtime.accelerator) else "cpu")
    batch = training_batch(parts.data, parts.data.batch_size)
    modes: list[bool | str] = [False]  # on a CPU it takes longer than many a training
    if device.type == "cuda":
        modes += [True, "reduce-overhead"] if parts.trainer.accumulate == 1 else [True]
    forms = candidates(_form_of(config), keys, parts.network, sample=batch.input[0], modes=modes)
    with plain_memory():
        found = fastest(
            forms, lambda form: steps_of(build(_in_form(config, form), parts.data), form, batch, device)
        )
    if device.type == "cuda":
        torch.compiler.reset()  # CUDA graphs keep their memory
    return found


def candidates(
    given: Form,
    keys: Sequence[str],
    network: nn.Module,
    *,
    sample: torch.Tensor,
    modes: Sequence[bool | str],
) -> list[Form]:
    """The forms that are worth a measurement, the plain one first."""
    pictures = sample.ndim == 3 and any(isinstance(module, nn.Conv2d) for module in network.modules())
    layouts = pictures and corrupted(network) is None
    choices: dict[str, list[Any]] = {
        "precision": list(MEASURED),
        "channels_last": [False, True] if layouts else [False],
        "compile": list(modes),
    }
    open_ = [choices[key] if key in keys else [getattr(given, key)] for key in asdict(given)]
    return [Form(*values) for values in itertools.product(*open_)]


def fastest(forms: Sequence[Form], make: Callable[[Form], Callable[[], float]]) -> Found:
    """The fastest of some forms, the first of which is the plain one; a step that is made gives its loss.

    Rounds go through all forms in turn, so that a busy moment of the machine meets each of them.
    """
    steps, expected = {form: make(form) for form in forms}, math.nan
    for form in forms:
        try:
            loss = steps[form]()
        except torch.OutOfMemoryError:  # each CUDA graph has memory of its own
            if form == forms[0]:
                raise
            loss = math.inf
        expected = loss if form == forms[0] else expected
        if not abs(loss - expected) <= SAME * abs(expected):
            del steps[form]
    times: dict[Form, list[float]] = {form: [] for form in steps}
    began = time.perf_counter()
    while len(times[forms[0]]) < WARM_UP + 1 or (
        len(times[forms[0]]) < WARM_UP + ROUNDS and time.perf_counter() - began < AT_MOST_S
    ):
        for form, step in steps.items():
            times[form].append(_seconds(step))
    least = {form: min(taken[WARM_UP:]) for form, taken in times.items()}
    best = min(least, key=lambda form: least[form])
    speedup = least[forms[0]] / least[best]
    return Found(best, round(speedup, 3)) if speedup >= CLEARLY else Found(forms[0], 1.0)


def steps_of(parts: Assembly, form: Form, batch: Batch, device: torch.device) -> Callable[..., float]:
    """A training step of a built run in a form, as a function that gives the loss, of this batch or another."""
    task = parts.task.to(device)
    task.records = False
    usual = _on(device, batch)
    parts.network.train()
    compile_network(parts.network, form.compile)
    optimizer = task.configure_optimizers()
    mixed = form.precision == "bf16-mixed"

    def step(other: Batch | None = None) -> float:
        given = usual if other is None else _on(device, other)
        torch.manual_seed(0)  # the same masks for every form
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16) if mixed else nullcontext():
            loss = task.training_step(given, 0)
        loss.backward()
        optimizer.step()
        return float(loss.detach())  # waits for a GPU

    return step


def _on(device: torch.device, batch: Batch) -> Batch:
    return Batch(batch.input.to(device, non_blocking=True), batch.target.to(device, non_blocking=True))


def _seconds(step: Callable[[], object]) -> float:
    """Of a step; one thread's own time where there is one, so that other processes are not in it."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    clock = time.thread_time if alone else time.perf_counter
    began = clock()
    step()
    return clock() - began


def _form_of(config: Mapping[str, Any]) -> Form:
    return Form(**{key: config["trainer"][key] for key in asdict(PLAIN)})


def _in_form(config: Config, form: Form, keys: Sequence[str] = tuple(asdict(PLAIN))) -> Config:
    values = {key: getattr(form, key) for key in keys}
    return {**config, "trainer": {**config["trainer"], **values}}


def _key(config: Config, keys: Sequence[str]) -> str:
    """The machine and what is trained."""
    here = environment_of(config)
    machine = [here.cpu, here.cores, here.gpus, torch.__version__, config["runtime"]["threads"]]
    blocks = [config[name] for name in ("network", "tricks", "task", "optimizer", "trainer")]
    shape = [config["data"]["shape"], config["data"]["batch_size"], config.get("augment")]
    digest = hashlib.sha256(canonical_json([machine, blocks, shape, list(keys)]).encode()).hexdigest()[:16]
    return f"{config['network']['_target_'].rpartition('.')[2]} {digest}"


def _found(values: Mapping[str, Any]) -> Found:
    return Found(Form(**values["form"]), float(values["speedup"]))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """What is remembered; nothing where the file is damaged: it is measured again."""
    try:
        known: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        for values in known.values():
            _found(values)
        return known
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
