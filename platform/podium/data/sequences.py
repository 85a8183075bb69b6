"""Data whose answers are sequences of symbols that are to be written: what all of them do alike.

Of the numbers of symbols 0 is the end, which closes what is to be written, and 1 is what a vocabulary does not hold.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from podium.contracts import END, FILLING, Targets
from podium.data.arrays import Indices
from podium.data.base import DataModule
from podium.data.split import Split
from podium.data.view import View


class Sequences(DataModule):
    """Examples with a sequence to write, of at most ``longest`` symbols, its end included.

    Raises:
        ValueError: nothing but the end may be written.
    """

    targets: ClassVar[Targets] = "sequences"

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
        longest: int,
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
        if longest < 2:
            raise ValueError(
                f"longest must be at least 2, a symbol and the end, got {longest}; set data.longest=16"
            )
        self.longest = longest

    @abstractmethod
    def text(self, numbers: Sequence[int]) -> str:
        """What these symbols, as a network writes them, mean; from the end on nothing."""

    def numbers(self, text: str) -> list[int]:
        """The symbols of a text to read, where texts are read.

        Raises:
            ValueError: the text cannot be read, or something else is.
        """
        raise ValueError(f"what is read must be text, got {self.name}; train on data=parallel_text")


def closed(symbols: Indices) -> Indices:
    """The same with the end in the first place behind each; every row has room for it."""
    array = symbols.copy()
    array[np.arange(len(array)), (symbols != FILLING).sum(axis=1)] = END
    return array


def before_the_end(numbers: Sequence[int]) -> list[int]:
    """What stands before the end, or before what fills up."""
    stop = next((place for place, number in enumerate(numbers) if number in (END, FILLING)), len(numbers))
    return [int(number) for number in numbers[:stop]]
