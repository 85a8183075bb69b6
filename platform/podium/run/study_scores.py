"""What a study may measure in a run besides its test split: other examples, and how many of its features are active."""

import math

import torch
from torch.nn.functional import pad

from podium.data.arrays import Arrays, Examples
from podium.records.record import RunRecord
from podium.run.build import Assembly
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.folders import find_folders
from podium.run.score import predict, scores

PIXELS = 2  # that test images are moved by: less than the border around a handwritten digit


def scored_again(record: RunRecord, part: str) -> RunRecord:
    """A finished run's record with the metrics of another ``part``, by its saved network. Another record as it is.

    train: of the examples that it learnt. moved: of its test images moved a little. features: the share of values above zero
    in what its output layer gets of the test split.

    Raises:
        ConfigError: the run's files are missing or damaged, or what is moved is no image.
    """
    if record.metrics is None:
        return record
    _, parts = trained(find_folders(record.config)[0])
    if part == "features":
        return record.with_(metrics={**record.metrics, "features/active": active_features(parts)})
    examples = moved(parts.data.examples("test")) if part == "moved" else parts.data.examples("train")
    answers = predict(parts.task, examples, torch.device("cpu"))
    return record.with_(metrics={**record.metrics, **scores(answers, record.config, part)})


def active_features(parts: Assembly) -> float:
    """The share of a trained network's features of the test split, what its output layer gets, that are above zero."""
    counts: list[tuple[float, int]] = []

    def count(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        counts.append((float((inputs[0] > 0).sum()), inputs[0].numel()))

    with parts.network.get_submodule("output").register_forward_pre_hook(count):
        predict(parts.task, parts.data.examples("test"), torch.device("cpu"))
    return math.fsum(active for active, _ in counts) / sum(values for _, values in counts)


def moved(examples: Examples) -> Arrays:
    """Every image four times, moved by ``PIXELS`` up, down, left and right; what it leaves is filled with its edge.

    Raises:
        ConfigError: the examples are no images.
    """
    images, target = examples.batch(slice(None))
    if images.ndim != 4:
        raise ConfigError(
            f"a metric of moved/ requires images, got samples of {images.ndim - 1} axes; choose other data or test/"
        )
    height, width = images.shape[2:]
    wide = pad(images, (PIXELS,) * 4, mode="replicate")
    corners = [(0, PIXELS), (2 * PIXELS, PIXELS), (PIXELS, 0), (PIXELS, 2 * PIXELS)]
    views = [wide[:, :, top : top + height, left : left + width] for top, left in corners]
    return Arrays(torch.cat(views), torch.cat([target] * 4), torch.cat([examples.index] * 4))
