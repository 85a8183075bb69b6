"""Which form of a pack is fastest here: found by a short measurement, and remembered beside the runs.

What is chosen is how many lanes one program holds, and how convolutions of all lanes are carried out (form.py). Where
nothing is as fast as the runs alone, one bare loop after the other, they are trained alone.
"""

import fcntl
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from podium.layers.channels_last import corrupted
from podium.pack.errors import Unpackable
from podium.pack.form import Form
from podium.pack.lane import Lane
from podium.pack.trial import seconds_alone, seconds_packed
from podium.records.environment import Environment
from podium.records.files import write_atomically
from podium.records.record import canonical_json
from podium.run.engine import plain_memory

CHOICES_FILE = ".packing.json"
STEP = 4  # candidates are 4, 16, 64 ... lanes in a program, and all of them
BEHIND = 0.8  # of the fastest form: with more lanes a slower one is not tried


@dataclass(frozen=True)
class Choice:
    """Lanes of a program, their form, how many times as fast as one run after the other it was, and how long a step took."""

    lanes: int
    form: Form
    speedup: float
    step_s: float = 0.0  # 0 where a form is given and not measured


def choose(lanes: Sequence[Lane], runs: Path, environment: Environment) -> Choice:
    """The fastest form for these lanes on this machine.

    Raises:
        Unpackable: none fits into the memory of the GPU.
    """
    path, key = runs / CHOICES_FILE, _key(lanes, environment)
    if (known := _read(path).get(key)) is not None:
        return known
    found = _measure(lanes)
    _remember(path, key, found)
    return found


def _measure(lanes: Sequence[Lane]) -> Choice:
    size, counts = STEP, []
    while size < len(lanes):
        counts.append(size)
        size *= STEP
    forms, found = forms_of(lanes[0].parts.network), []
    with plain_memory():
        alone = seconds_alone(lanes[0])
        for count in (*counts, len(lanes)):
            tried = [
                Choice(count, form, round(alone * count / seconds, 3), round(seconds, 6))
                for form in forms
                if (seconds := _seconds_of(lanes[:count], form=form)) is not None
            ]
            best = max((choice.speedup for choice in tried), default=0.0)
            forms = [choice.form for choice in tried if choice.speedup > BEHIND * best]
            found += tried
    if not found:
        raise Unpackable("no program of them fits into the memory of the GPU")
    return max(found, key=lambda choice: choice.speedup)


def _seconds_of(lanes: Sequence[Lane], *, form: Form) -> float | None:
    """How long a step of a program takes; null where it does not fit into the memory of a GPU."""
    try:
        return seconds_packed(lanes, form=form)
    except torch.OutOfMemoryError:
        return None


def forms_of(network: nn.Module) -> list[Form]:
    """Those that can be told apart: what has no convolutions has normalisations that are always faster in one."""
    modules = list(network.modules())
    if any(isinstance(module, nn.Conv2d) for module in modules):
        # torch adds up the statistics of channels-last batches number by number: through the layers of a ResNet-20 that is
        # an error of a thousandth of the gradient, and packed runs would not be those alone
        exact = (
            not any(isinstance(module, nn.BatchNorm2d) for module in modules) and corrupted(network) is None
        )
        return list(Form) if exact else [Form.APART, Form.GROUPED]
    if any(isinstance(module, nn.Conv1d) for module in modules):
        return [Form.APART, Form.GROUPED]
    return [Form.GROUPED]


def _key(lanes: Sequence[Lane], environment: Environment) -> str:
    """The machine and the shape."""
    parts = lanes[0].parts
    network = [f"{name} {module.extra_repr()}" for name, module in parts.network.named_modules()]
    tricks = [type(trick).__name__ for trick in parts.tricks]
    shape = [parts.data.shape, parts.data.batch_size, network, tricks, type(lanes[0].rate.optimizer).__name__]
    machine = [environment.cpu, environment.cores, torch.__version__, torch.get_num_threads()]
    machine += environment.gpus
    digest = hashlib.sha256(canonical_json([shape, machine]).encode()).hexdigest()[:16]
    return f"{type(parts.network).__name__} {digest} x{len(lanes)}"


def _remember(path: Path, key: str, choice: Choice) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # packs that train side by side measure at the same time
        known = {of: asdict(chosen) for of, chosen in _read(path).items()}
        write_atomically(path, canonical_json({**known, key: asdict(choice)}, indent=1).encode())


def _read(path: Path) -> dict[str, Choice]:
    """What is remembered; nothing where the file is damaged: it is measured again."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: Choice(value["lanes"], Form(value["form"]), value["speedup"], value["step_s"])
            for key, value in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}
