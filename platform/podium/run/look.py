"""`podium look`: what a configuration's data are, and what its augmentations make of training images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from podium.contracts import Augmentation
from podium.data.arrays import Examples, SplitName
from podium.data.base import DataModule
from podium.run.assemble import compose
from podium.run.build import augmentations_of_step, make, refusals
from podium.run.engine import pin_threads
from podium.run.errors import ConfigError
from podium.visualize.look import SEEN, look_grid

ROWS = 8
DRAWS = 6  # of augmentations, beside each other


@dataclass(frozen=True)
class Look:
    """What was found: examples and classes of each split, the range of training values, and the picture."""

    counts: dict[str, list[int]]
    sizes: dict[str, int]
    low: float
    high: float
    mean: float
    deviation: float
    picture: Path


def look_command(overrides: Sequence[str], *, out: Path) -> int:
    """Draw training images before and after augmentation, and print what the splits hold."""
    config = compose(overrides)
    found = look(config, out=out)
    for split, size in found.sizes.items():
        classes = found.counts.get(split)
        more = f", {min(classes):,} to {max(classes):,} of each of {len(classes)} classes" if classes else ""
        print(f"{split:<10} {size:>8,} examples{more}")
    print(
        f"values of the training images shown: {found.low:.3g} to {found.high:.3g}, mean {found.mean:.3g}, "
        f"deviation {found.deviation:.3g}"
    )
    print(f"picture: {found.picture}")
    return 0


def look(config: Mapping[str, Any], *, out: Path) -> Look:
    """Draw the picture of a checked configuration; only its data, its augmentations and its seed matter.

    Raises:
        ConfigError: the data cannot be had or are no images, or augmentations do not fit them.
    """
    if len(config["data"]["shape"]) != 3 or config["data"]["shape"][0] not in (1, 3):
        raise ConfigError(
            f"data must be grey or colour images to be looked at, got samples of {config['data']['shape']}; "
            "choose other data"
        )
    pin_threads(config["runtime"])
    data: DataModule = make(config["data"], "data")
    augmentations = augmentations_of_step(config, data)
    with refusals("data"):
        data.prepare_data()
        data.setup("fit")
        splits: dict[SplitName, Examples] = {name: data.plain(name) for name in get_args(SplitName)}
    counts = _counts(splits, data)
    chosen = _chosen(splits["train"])
    batch = splits["train"].batch(chosen)
    torch.manual_seed(config["seed"])
    columns, titles = _columns(batch.input, _drawn(data, chosen, augmentations), data.finish, config)
    names = getattr(data, "class_names", None) or [str(k) for k in range(data.num_classes)]
    whole = data.targets == "classes"
    labels = [names[int(k)] for k in batch.target] if whole else [str(int(k)) for k in chosen]
    chain = " then ".join(config.get("augment", {})) or "no augmentation"
    images = torch.stack(columns, 1).numpy()
    look_grid(images, titles, labels, counts, names, out, note=f"{data.name}: {chain}")
    return Look(
        counts=counts,
        sizes={name: len(examples) for name, examples in splits.items()},
        low=float(batch.input.min()),
        high=float(batch.input.max()),
        mean=float(batch.input.mean()),
        deviation=float(batch.input.std()),
        picture=out,
    )


def _counts(splits: Mapping[SplitName, Examples], data: DataModule) -> dict[str, list[int]]:
    """Examples of each class in each split, where an example has one class."""
    if data.targets != "classes":
        return {}
    return {
        name: np.bincount(examples.target.numpy(), minlength=data.num_classes).tolist()
        for name, examples in splits.items()
    }


def _chosen(examples: Examples) -> Tensor:
    """Rows of the picture: examples of different classes, as far as there are so many, by their order."""
    count = min(ROWS, len(examples))
    if examples.target.ndim != 1:
        return torch.linspace(0, len(examples) - 1, count).round().long()
    seen = np.unique(examples.target.numpy(), return_index=True)[1][:count]
    others = np.setdiff1d(np.arange(len(examples)), seen)[: count - len(seen)]
    return torch.from_numpy(np.concatenate([seen, others]))


def _drawn(
    data: DataModule, chosen: Tensor, augmentations: Sequence[Augmentation]
) -> Callable[[int], Tensor] | None:
    """A function that makes the images of one epoch, or None if nothing changes them."""
    training = data.training(plain=True)
    if not augmentations and training.at(0) is training:
        return None

    def draw(epoch: int) -> Tensor:
        images = training.at(epoch).batch(chosen).input
        for augmentation in augmentations:
            images = augmentation(images)
        return images

    return draw


def _columns(
    input: Tensor,
    draw: Callable[[int], Tensor] | None,
    finish: Callable[[Tensor], Tensor],
    config: Mapping[str, Any],
) -> tuple[list[Tensor], list[str]]:
    """The images as they are, after so many draws, and, where the view changes more, as a network sees the first draw."""
    columns, titles = [input], ["picture" if draw is None else "before"]
    for epoch in range(DRAWS if draw else 0):
        columns.append(draw(epoch) if draw else input)
        titles.append("after" if epoch == 0 else "")
    view = config["data"]["view"]
    if view["standardize"] != "none" or view["permute_seed"] is not None:
        columns.append(finish(columns[min(1, len(columns) - 1)]))
        titles.append(SEEN)
    return columns, titles
