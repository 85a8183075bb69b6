"""The copying problem: read symbols, wait, write them (Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735;
in this form Arjovsky, Shah and Bengio 2016, Unitary evolution recurrent neural networks, https://arxiv.org/abs/1511.06464).

Differs from the papers: what is written is a sequence of its own, so that no mark says when to begin. Symbols and delay are
``data.longest`` and ``data.shape``: 5 symbols and their end to write, 25 places to read, are a delay of 20.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from podium.data.arrays import Source
from podium.data.sequences import Sequences, before_the_end, closed
from podium.data.split import stream
from podium.data.symbols import check_symbols, filled_up

SYMBOLS, BLANK = "abcdefgh", "."
FIRST = 2  # the number of the first symbol, behind the end and the unknown
TRAINING, TEST = 5500, 1000


class Copying(Sequences):
    """5,500 + 1,000 different rows of the eight symbols, followed by blanks.

    Raises:
        ValueError: there is no room for the symbols, or there are too few different rows of them.
    """

    name = "copying"
    of_symbols: ClassVar[bool] = True
    remedy = "restore podium/data/copying.py, or set data.checksum=null for other lengths"

    def load(self) -> Source:
        """Draw rows until there are enough different ones."""
        check_symbols(self.view)
        count, places = self.longest - 1, self.shape[0]
        if len(SYMBOLS) ** count < TRAINING + TEST or places < count:
            least = next(n for n in range(1, 9) if len(SYMBOLS) ** n >= TRAINING + TEST)
            raise ValueError(
                f"longest must be from {least + 1} to {places + 1}, for {TRAINING + TEST:,} different rows of "
                f"{len(SYMBOLS)} symbols in {places} places, got {self.longest}; set data.longest=6 data.shape=[25]"
            )
        draw = stream(0, "copying")
        different: dict[tuple[int, ...], None] = {}
        while len(different) < TRAINING + TEST:
            row = FIRST + (draw.random_sample(count) * len(SYMBOLS)).astype(np.int64)
            different[tuple(row.tolist())] = None
        rows = np.array(list(different), dtype=np.int64)
        blanks = np.full((len(rows), places - count), FIRST + len(SYMBOLS))
        read = np.concatenate([rows, blanks], axis=1).astype(np.float32)
        return Source(read, closed(filled_up(list(rows), self.longest)), test_start=TRAINING)

    def text(self, numbers: Sequence[int]) -> str:
        """Letters, and a point for a blank; a number that stands for none as a question mark."""
        known = SYMBOLS + BLANK
        return "".join(known[n - FIRST] if n >= FIRST else "?" for n in before_the_end(numbers))

    def numbers(self, text: str) -> list[int]:
        """The numbers of letters and points.

        Raises:
            ValueError: there are others.
        """
        if foreign := sorted(set(text) - set(SYMBOLS + BLANK)):
            raise ValueError(
                f"a row must be of {SYMBOLS} and points, got {foreign[0]!r}; write one such as abcde...."
            )
        return [FIRST + (SYMBOLS + BLANK).index(character) for character in text]
