"""MovieLens (Harper and Konstan 2015, The MovieLens datasets, https://doi.org/10.1145/2827872), or other ratings in its
layouts: who rated what, and how.

An input is the number of a user and the number of an item, the target is the rating. Numbers count from 1 on; users and
items that the training split does not hold are all 0. The published splits of ml-100k are chosen by their names: u1 to u5
for cross-validation, ua and ub with ten ratings of each user for testing; other ratings are split at random.
"""

import logging
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from podium.contracts import Targets
from podium.data.arrays import Indices, Source
from podium.data.base import DataModule
from podium.data.ratings import Ratings, rating_files, read_ratings
from podium.data.split import Parts, Split
from podium.data.standardize import Step
from podium.data.symbols import check_symbols
from podium.data.view import View
from podium.data.vocabulary import UNKNOWN, Vocabulary

_LOG = logging.getLogger(__name__)
Published = Literal["u1", "u2", "u3", "u4", "u5", "ua", "ub"]


class Movielens(DataModule):
    """Ratings in a file or folder: set data.root, and data.num_users and data.num_items to what it says it holds.

    Both count the unknown one too, and may be larger than what the training split holds.
    """

    name = "movielens"
    of_symbols: ClassVar[bool] = True
    remedy = "set data.root to your ratings"
    targets: ClassVar[Targets] = "values"
    users: Vocabulary
    items: Vocabulary

    def __init__(
        self,
        *,
        shape: list[int],
        num_classes: int,
        num_users: int,
        num_items: int,
        published: Published | None,
        checksum: str | None,
        root: str,
        seed: int,
        batch_size: int,
        split: Split,
        view: View,
    ) -> None:
        super().__init__(
            shape=shape,
            num_classes=num_classes,
            checksum=checksum,
            root=root,
            seed=seed,
            batch_size=batch_size,
            split=split,
            view=view,
        )
        self.num_users = num_users
        self.num_items = num_items
        self.published = published

    def load(self) -> Source:
        """Read the files.

        Raises:
            ValueError: there are none, a line is wrong, or a user rated something twice.
        """
        check_symbols(self.view)
        parts = [read_ratings(file) for file in rating_files(Path(self.root), self.published)]
        ratings = Ratings(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        _refuse_twice(ratings, where=self.root)
        inputs = np.stack([ratings.user, ratings.item], axis=1).astype(np.float32)
        start = len(parts[0].user) if len(parts) > 1 else None
        return Source(inputs, ratings.value[:, None], test_start=start)

    def measure(self, source: Source, train: Indices) -> tuple[Step, ...]:
        """Number the users and items of the training split.

        Raises:
            ValueError: there are more than the configuration has room for.
        """
        users, items = np.asarray(source.inputs[train]).astype(np.int64).T
        self.users, self.items = (Vocabulary.of(codes, size=len(codes) + 1) for codes in (users, items))
        found = [len(known.codes) + 1 for known in (self.users, self.items)]
        if found[0] > self.num_users or found[1] > self.num_items:
            raise ValueError(
                f"num_users and num_items must be at least {found[0]} and {found[1]}, those of the training split and one "
                f"for all others, got {self.num_users} and {self.num_items}; "
                f"set data.num_users={found[0]} data.num_items={found[1]}"
            )
        return (self._numbered,)

    def _divided(self) -> tuple[Source, Parts]:
        new = self._parts is None
        source, parts = super()._divided()
        if new:
            self._tell(source, parts)
        return source, parts

    def _tell(self, source: Source, parts: Parts) -> None:
        """How many users and items there are, and how many of the test split's are unknown."""
        codes = np.asarray(source.inputs[parts.test]).astype(np.int64).T
        unknown = [
            known.encode(column) == UNKNOWN
            for known, column in zip((self.users, self.items), codes, strict=True)
        ]
        others = [len(np.unique(column[where])) for column, where in zip(codes, unknown, strict=True)]
        numbers = (
            len(self.users.codes),
            len(self.items.codes),
            *others,
            int((unknown[0] | unknown[1]).sum()),
        )
        _LOG.info(
            "movielens: %s users and %s items are known, which are in the training split; %s users and %s items of the "
            "test split are unknown, in %s of %s ratings",
            *(f"{number:,}" for number in (*numbers, len(parts.test))),
        )

    def _numbered(self, values: Tensor) -> Tensor:
        users, items = values.numpy().astype(np.int64).T
        numbers = np.stack([self.users.encode(users), self.items.encode(items)], axis=1)
        return torch.from_numpy(numbers).float()


def _refuse_twice(ratings: Ratings, *, where: str) -> None:
    """A rating in two splits would be read before it is predicted."""
    pairs = ratings.user << 24 | ratings.item
    _, first, counts = np.unique(pairs, return_index=True, return_counts=True)
    if counts.max() > 1:
        row = first[counts.argmax()]
        raise ValueError(
            f"{where} must hold one rating of an item by a user, got {counts.max()} of item {ratings.item[row]} by user "
            f"{ratings.user[row]}; leave one"
        )
