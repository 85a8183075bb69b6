"""Monte-Carlo dropout against weight scaling (Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html, 7.5).

    weight scaling: one pass with all units, scaled;  Monte Carlo: p(class | x) = 1/n sum_i p(class | x, mask_i)

Gal and Ghahramani 2015, https://arxiv.org/abs/1506.02142, read the second as an approximate Bayesian average. Follows
the papers: masks are drawn anew for each example and sample, at the rates of training. Other layers stay in evaluation mode.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from podium.contracts import Batch
from podium.data.arrays import Examples
from podium.data.loader import read
from podium.leaderboard.ensemble import Gain, Pool, check_task
from podium.metrics.classification import is_top_k_error
from podium.records.record import RunRecord
from podium.run.errors import ConfigError, told
from podium.run.evaluate import trained
from podium.run.isolation import isolated
from podium.run.score import BATCH, predict, scores
from podium.tasks.base import Task


@dataclass(frozen=True)
class Comparison:
    """Metrics of both readings of dropout, the mean error of one sampled network, and the paired difference."""

    scaled: dict[str, float]
    averaged: dict[str, float]
    member_error: float
    gain: Gain
    examples: int


def compare(folder: Path, *, samples: int) -> Comparison:
    """Score a finished run's test split by weight scaling and by so many sampled networks.

    Raises:
        ConfigError: the run has not finished, has no dropout, or predicts no class probabilities.
    """
    with isolated():
        return _compare(folder, samples)


def _compare(folder: Path, samples: int) -> Comparison:
    with told():
        check_task(RunRecord.load(folder), folder)
    record, parts = trained(folder)
    if not dropouts(parts.network):
        raise ConfigError(
            f"{folder} must be a run with dropout, got {record.name} without; train one with tricks=[dropout]"
        )
    examples = parts.data.examples("test")
    plain = predict(parts.task, examples, torch.device("cpu"))
    pool = Pool(plain["label"])
    torch.manual_seed(record.seed)
    for _ in range(samples):
        pool.add(sample(parts.task, examples))
    averaged = {**plain, "probability": pool.probability}
    return Comparison(
        scaled=scores(plain, record.config, "test"),
        averaged=scores(averaged, record.config, "test"),
        member_error=float(np.mean(pool.errors)),
        gain=pool.gain_over(is_top_k_error(plain["probability"], plain["label"], 1)),
        examples=len(examples),
    )


def dropouts(network: nn.Module) -> list[_DropoutNd]:
    """The modules that drop something in training."""
    return [module for module in network.modules() if isinstance(module, _DropoutNd) and module.p > 0]


def sample(task: Task, examples: Examples) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The probabilities of a network with drawn masks, (examples, classes); it is in evaluation mode afterwards."""
    network = task.network.eval()
    for module in dropouts(network):
        module.train()
    rows = (slice(start, start + BATCH) for start in range(0, len(examples), BATCH))
    try:
        with torch.inference_mode():
            parts = [
                task.answers(network(batch.input), Batch(batch.input, batch.target))["probability"]
                for batch in read(examples, rows)
            ]
    finally:
        network.eval()
    return torch.cat(parts).numpy()
