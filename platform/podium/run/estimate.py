"""How long a run will train, from a few measured steps."""

import time
from collections.abc import Mapping
from typing import Any

import torch

from podium.run.build import build, refusals
from podium.run.engine import pin_threads, training_loader

STEPS = 8
WARM_UP = 2


def estimate_seconds(config: Mapping[str, Any]) -> float:
    """Roughly how many seconds one run of this configuration trains on this machine, validation left out.

    Raises:
        ConfigError: the configuration cannot be built.
    """
    pin_threads(config["runtime"])
    parts = build(config)
    with refusals("data"):
        parts.data.prepare_data()
        parts.data.setup("fit")
    loader = training_loader(parts, seed=config["seed"])
    optimizer = parts.task.configure_optimizers()
    count = min(STEPS, len(loader))
    warm_up = min(WARM_UP, count - 1)
    began = time.perf_counter()
    for k, batch in zip(range(count), loader, strict=False):
        if k == warm_up:
            began = time.perf_counter()
        optimizer.zero_grad()
        torch.autograd.backward(parts.task.training_step(batch, k))
        optimizer.step()
    per_step = (time.perf_counter() - began) / (count - warm_up)
    return per_step * len(loader) * parts.trainer.max_epochs
