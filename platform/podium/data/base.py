"""What every data set does alike: check what was loaded, split it, view it, hand out batches, name it."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor

from podium.contracts import Augmentation, Targets
from podium.data.arrays import Arrays, Examples, Indices, Inputs, Lazy, Source, SplitName, content_hash
from podium.data.loader import BatchLoader
from podium.data.split import Parts, Split
from podium.data.standardize import Step, Values, scale
from podium.data.view import View
from podium.metrics import labels_hash
from podium.records.record import DataPrint, canonical_json

IGNORED = 255  # in masks: pixels that do not count


class DataModule(pl.LightningDataModule, ABC):
    """A data set. A subclass says where it comes from by ``load`` alone.

    ``shape``, ``num_classes`` and ``checksum`` are facts that networks and records rely on; what is loaded is
    checked against them. A checksum of None takes any content: for folders of a user's own. Nothing is loaded before
    it is asked for. ``targets`` is what a task finds in its batches; ``of_symbols`` says that inputs are symbols.
    """

    name: str
    remedy: str
    targets: ClassVar[Targets] = "classes"
    of_symbols: ClassVar[bool] = False

    def __init__(
        self,
        *,
        shape: list[int],
        num_classes: int,
        checksum: str | None,
        root: str,
        seed: int,
        batch_size: int,
        split: Split,
        view: View,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if self.targets != "classes" and (view.permute_seed, view.random_labels_seed) != (None, None):
            raise ValueError(
                "view.permute_seed and view.random_labels_seed must be null where examples have no one class, got "
                f"{view.permute_seed} and {view.random_labels_seed}; leave both out"
            )
        self.shape = list(shape)
        self.num_classes = num_classes
        self.checksum = checksum
        self.root = root
        self.seed = seed
        self.batch_size = batch_size
        self.split = split
        self.view = view
        self._source: Source | None = None
        self._parts: Parts | None = None
        self._steps: tuple[Step, ...] = ()
        self._examples: dict[SplitName, Examples] = {}

    @abstractmethod
    def load(self) -> Source:
        """Read the data set as published.

        Raises:
            ValueError: files are missing or damaged.
        """

    def examples(self, split: SplitName) -> Examples:
        """One split as a network sees it, in the order of the source."""
        if split not in self._examples:
            self._examples[split] = self._split(split, lambda inputs: self.view.show(inputs, self._steps))
        return self._examples[split]

    def plain(self, split: SplitName) -> Examples:
        """One split before ``finish``: what augmentations change, bytes as 0 to 1."""
        return self._split(split, scale)

    def take_over(self, augmentations: Sequence[Augmentation]) -> list[Augmentation]:
        """Do the first of these while training pictures are read, where the data can; returns those that are left."""
        return list(augmentations)

    def training(self, *, plain: bool) -> Examples:
        """What is trained on, with what was taken over; ``plain``: for other augmentations to change."""
        return self.plain("train") if plain else self.examples("train")

    def finish(self, input: Tensor) -> Tensor:
        """A batch of ``plain`` as a network sees it: standardised and with shuffled positions, on the device it is on."""
        self._divided()
        return self.view.finish(input, self._steps)

    def _split(self, split: SplitName, show: Callable[[Inputs], Values]) -> Examples:
        source, parts = self._divided()
        index: Indices = getattr(parts, split)
        labels = self.encode(
            self.view.relabel(source.labels, parts.train, num_classes=self.num_classes)[index]
        )
        target, places = torch.from_numpy(labels), torch.from_numpy(index)
        if not isinstance(source.inputs, np.ndarray):
            return Lazy(source.inputs, show, target, places)
        return Arrays(torch.from_numpy(show(source.inputs[index])), target, places)

    def fingerprint(self) -> DataPrint:
        """Which data this is: hashes of the content, of the split with its view, and of the test labels."""
        source, parts = self._divided()
        digest = hashlib.sha256()
        for part in parts:
            digest.update(f"{len(part)}:".encode() + part.astype("<i8").tobytes())
        digest.update(canonical_json(asdict(self.view)).encode())
        return DataPrint(
            name=self.name,
            content=str(source.content),
            split=digest.hexdigest(),
            sizes={name: len(part) for name, part in parts._asdict().items()},
            test_labels=labels_hash(self.encode(source.labels[parts.test])),
        )

    def train_dataloader(self) -> BatchLoader:
        """Training batches, in an order that depends on the seed and the epoch."""
        return BatchLoader(self.examples("train"), batch_size=self.batch_size, seed=self.seed, shuffle=True)

    def val_dataloader(self) -> BatchLoader:
        """Validation batches, in the order of the source."""
        return BatchLoader(
            self.examples("validation"), batch_size=self.batch_size, seed=self.seed, shuffle=False
        )

    def test_dataloader(self) -> BatchLoader:
        """Test batches, in the order of the source."""
        return BatchLoader(self.examples("test"), batch_size=self.batch_size, seed=self.seed, shuffle=False)

    def _divided(self) -> tuple[Source, Parts]:
        if self._source is None or self._parts is None:
            source = self._checked(self.load())
            parts = self.split.divide(source, run_seed=self.seed)
            train = self.view.choose(parts.train, source.strata)
            self._steps = self.measure(source, train)
            self._source, self._parts = source, parts._replace(train=train)
        return self._source, self._parts

    def measure(self, source: Source, train: Indices) -> tuple[Step, ...]:
        """What is done to inputs before a network sees them, as it was measured on these training rows."""
        return self.view.measure(source.inputs, train)

    def encode(self, labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Labels as a task learns them: as they are."""
        return labels

    def _checked(self, source: Source) -> Source:
        shape = list(source.inputs.shape[1:])
        if shape != self.shape:
            raise ValueError(
                f"shape must be {shape}, which is {self.name}'s, got {self.shape}; leave data.shape alone"
            )
        self.check_classes(source)
        found = source.content or content_hash(source)
        if self.checksum is not None and found != self.checksum:
            remedy = self.remedy.format(root=self.root)
            raise ValueError(
                f"{self.name} must have the checksum {self.checksum}, got {found}; "
                f"leave data.checksum alone, or {remedy}"
            )
        return source._replace(content=found)

    def check_classes(self, source: Source) -> None:
        """Every class has an example, where an example has one class; no mask, box or symbol has another class."""
        found = source.labels
        match self.targets:
            case "classes":
                seen = len(np.unique(found))
                fits = np.array_equal(np.unique(found), np.arange(self.num_classes))
            case "values":
                seen = found.shape[1]
                fits = seen == self.num_classes
            case _:
                kinds = found[..., 0] if self.targets == "boxes" else found
                counted = kinds[kinds != IGNORED]
                seen = int(counted.max()) + 1 if counted.size else 0
                fits = seen <= self.num_classes
        if not fits:
            raise ValueError(
                f"num_classes must be {seen}, which is {self.name}'s, got {self.num_classes}; "
                "leave data.num_classes alone"
            )
