"""What every data set does alike: check what was loaded, split it, view it, hand out batches, name it."""

import hashlib
from dataclasses import asdict

import numpy as np
import pytorch_lightning as pl
import torch

from podium.data.arrays import Arrays, Indices, Source, SplitName, content_hash, labels_hash
from podium.data.loader import BatchLoader
from podium.data.split import Parts, Split
from podium.data.view import Moments, View
from podium.records.record import DataPrint, canonical_json


class ArrayDataModule(pl.LightningDataModule):
    """A data set that fits into memory. A subclass says where it comes from by ``load`` alone.

    ``shape``, ``num_classes`` and ``checksum`` are facts that networks and records rely on; what is loaded is
    checked against them. Nothing is loaded before it is asked for.
    """

    name: str
    remedy: str

    def __init__(
        self,
        *,
        shape: list[int],
        num_classes: int,
        checksum: str,
        root: str,
        seed: int,
        batch_size: int,
        split: Split,
        view: View,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
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
        self._moments: Moments | None = None
        self._arrays: dict[SplitName, Arrays] = {}

    def load(self) -> Source:
        """Read the data set as published.

        Raises:
            ValueError: files are missing or damaged.
        """
        raise NotImplementedError

    def arrays(self, split: SplitName) -> Arrays:
        """One split as a network sees it, in the order of the source."""
        if split not in self._arrays:
            source, parts = self._divided()
            index: Indices = getattr(parts, split)
            labels = self.view.relabel(source.labels, parts.train, num_classes=self.num_classes)
            values = self.view.show(source.inputs[index], self._moments)
            tensors = (torch.from_numpy(array) for array in (values, labels[index], index))
            self._arrays[split] = Arrays(*tensors)
        return self._arrays[split]

    def fingerprint(self) -> DataPrint:
        """Which data this is: hashes of the content, of the split with its view, and of the test labels."""
        source, parts = self._divided()
        digest = hashlib.sha256()
        for part in parts:
            digest.update(f"{len(part)}:".encode() + part.astype("<i8").tobytes())
        digest.update(canonical_json(asdict(self.view)).encode())
        return DataPrint(
            name=self.name,
            content=self.checksum,
            split=digest.hexdigest(),
            sizes={name: len(part) for name, part in parts._asdict().items()},
            test_labels=labels_hash(source.labels[parts.test]),
        )

    def train_dataloader(self) -> BatchLoader:
        """Training batches, in an order that depends on the seed and the epoch."""
        return BatchLoader(self.arrays("train"), batch_size=self.batch_size, seed=self.seed, shuffle=True)

    def val_dataloader(self) -> BatchLoader:
        """Validation batches, in the order of the source."""
        return BatchLoader(
            self.arrays("validation"), batch_size=self.batch_size, seed=self.seed, shuffle=False
        )

    def test_dataloader(self) -> BatchLoader:
        """Test batches, in the order of the source."""
        return BatchLoader(self.arrays("test"), batch_size=self.batch_size, seed=self.seed, shuffle=False)

    def _divided(self) -> tuple[Source, Parts]:
        if self._source is None or self._parts is None:
            source = self._checked(self.load())
            parts = self.split.divide(source)
            train = self.view.choose(parts.train, source.labels)
            self._moments = self.view.measure(source.inputs[train])
            self._source, self._parts = source, parts._replace(train=train)
        return self._source, self._parts

    def _checked(self, source: Source) -> Source:
        shape = list(source.inputs.shape[1:])
        if shape != self.shape:
            raise ValueError(
                f"shape must be {shape}, which is {self.name}'s, got {self.shape}; leave data.shape alone"
            )
        classes = np.unique(source.labels)
        if not np.array_equal(classes, np.arange(self.num_classes)):
            raise ValueError(
                f"num_classes must be {len(classes)}, which is {self.name}'s, got {self.num_classes}; "
                "leave data.num_classes alone"
            )
        found = content_hash(source)
        if found != self.checksum:
            remedy = self.remedy.format(root=self.root)
            raise ValueError(
                f"{self.name} must have the checksum {self.checksum}, got {found}; "
                f"leave data.checksum alone, or {remedy}"
            )
        return source
