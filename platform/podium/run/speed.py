"""How fast one configuration is: one repeat of training steps and of inference, on made-up examples.

A step is what training computes for a batch that is there: augmentation, the tricks' edits, forward, backward, the
optimizer. Reading data, the loop around the steps and tricks' hooks are left out; `podium train` measures with them.
"""

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import torch
from lightning_fabric import Fabric
from torch import Tensor

from podium.contracts import Batch
from podium.run.build import Assembly, build, training_batch
from podium.run.costs import network_costs
from podium.run.energy import Energy
from podium.run.engine import compile_network, determinism, pin_threads, plain_memory, quiet_lightning
from podium.run.errors import ConfigError
from podium.run.memory import MIB, PeakMemory, give_back
from podium.run.precision import looks_up
from podium.run.summary import measuring

WARM_UP = 2
DTYPES = {"bf16-true": torch.bfloat16, "64-true": torch.float64}


def check_speed(config: Mapping[str, Any]) -> dict[str, float]:
    """What the network of a configuration costs, once it is sure that its speed can be measured.

    Raises:
        ConfigError: it cannot be built, or is trained in another way than by steps of one process.
    """
    if config["runtime"]["devices"] != 1:
        raise ConfigError(
            f"runtime.devices must be 1 to measure speed, got {config['runtime']['devices']}; leave it out"
        )
    if config["trainer"]["precision"] == "16-mixed" and not _on_gpu(config):
        raise ConfigError(
            "trainer.precision=16-mixed needs a GPU, which this machine lacks or was not asked for; set bf16-mixed"
        )
    parts = build(config)
    if parts.task.by_rule:
        raise ConfigError(
            f"a gradient is needed to be timed, got task={type(parts.task).__name__}; choose another network"
        )
    _examples(parts)
    return network_costs(parts.network, config["data"]["shape"])


def measure_speed(config: Mapping[str, Any], *, seconds: float) -> dict[str, float]:
    """One repeat: images a second and the highest memory of each kind of pass, and joules an image where the machine tells.

    Each kind takes about ``seconds``, after passes that do not count. On a CPU, memory is what the process grew by.
    """
    pin_threads(config["runtime"])
    before = _released()
    with quiet_lightning(), plain_memory(), determinism(config["trainer"]["deterministic"]):
        with PeakMemory() as memory:
            parts = build(config)
            fabric = Fabric(
                accelerator="gpu" if _on_gpu(config) else "cpu",
                devices=1,
                precision=config["trainer"]["precision"],
            )
            step, infer = _passes(parts, fabric)
            images = parts.data.batch_size
            found = _named("train", _timed(step, fabric.device, seconds), images)
        base = 0.0 if fabric.device.type == "cuda" else before
        found["peak_memory_mib"] = max(memory.peak_mib - base, 0.0)
        with measuring(parts.network), torch.inference_mode():
            return found | _named("inference", _timed(infer, fabric.device, seconds), images)


def _passes(parts: Assembly, fabric: Fabric) -> tuple[Callable[[], None], Callable[[], None]]:
    """One training step, and one pass in evaluation, over the same batch."""
    compile_network(parts.network, parts.trainer.compile)
    _, optimizer = fabric.setup(parts.task, parts.task.configure_optimizers())
    parts.task.train()
    dtype = DTYPES.get(parts.trainer.precision, torch.float32)
    input, target = _examples(parts)
    exact = dtype == torch.bfloat16 and looks_up(parts.network, parts.data)
    batch = Batch(
        _placed(input, fabric.device, input.dtype if exact else dtype), _placed(target, fabric.device, dtype)
    )

    def step() -> None:
        optimizer.zero_grad()
        with fabric.autocast():
            loss = parts.task.training_step(batch, 0)
        fabric.backward(loss)
        optimizer.step()

    def infer() -> None:
        with fabric.autocast():
            parts.network(batch.input)

    return step, infer


def _examples(parts: Assembly) -> Batch:
    """A batch of noise with drawn classes; of masks and boxes, which cannot be made up, one of the data's.

    Raises:
        ConfigError: the data has masks or boxes, and cannot be had or has too few.
    """
    size, data = parts.data.batch_size, parts.data
    if data.targets == "classes":
        generator = torch.Generator().manual_seed(0)
        target = torch.randint(data.num_classes, (size,), generator=generator)
        return Batch(torch.rand(size, *data.shape, generator=generator), target)
    batch = training_batch(data, size)
    if len(batch.input) < size:
        raise ConfigError(
            f"data.batch_size must be at most the {len(batch.input)} training examples, got {size}; lower it"
        )
    return batch


def _placed(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    return tensor.to(device, dtype) if tensor.is_floating_point() else tensor.to(device)


def _timed(work: Callable[[], None], device: torch.device, seconds: float) -> tuple[int, float, float | None]:
    """How often, in how many seconds, and with how many joules work was done, at least once."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(WARM_UP):
        work()
    wait()
    count = 0
    with Energy(device) as energy:
        began = time.perf_counter()
        while count == 0 or time.perf_counter() - began < seconds:
            work()
            wait()
            count += 1
        spent = time.perf_counter() - began
    return count, spent, energy.joules


def _named(kind: str, timed: tuple[int, float, float | None], images: int) -> dict[str, float]:
    count, seconds, joules = timed
    found = {f"{kind}_images_per_s": count * images / seconds}
    return found if joules is None else found | {f"{kind}_j_per_image": joules / (count * images)}


def _on_gpu(config: Mapping[str, Any]) -> bool:
    return config["runtime"]["accelerator"] in ("auto", "gpu") and torch.cuda.is_available()


def _released() -> float:
    """Resident memory in MiB, once what earlier repeats left is given back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    give_back()
    return float(psutil.Process().memory_info().rss) / MIB
