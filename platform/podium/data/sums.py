"""Learning to add: reads "34+14", writes "48" (after Zaremba and Sutskever 2014, Learning to execute,
https://arxiv.org/abs/1410.4615, in the form of Keras' example "addition_rnn").

Differs from the paper and the example: questions are not filled up with blanks but end where they end, and there are 5,500 +
1,000 sums. Numbers are drawn with one to ``digits`` digits, each length as often as another. No sum is there twice, and b+a
stands in the same split as a+b, so that no sum of the test was trained on the other way round.
"""

from collections.abc import Sequence

import numpy as np

from podium.data.arrays import Source
from podium.data.sequences import Sequences, before_the_end, check_symbols, closed, filled_up
from podium.data.split import Split, stream
from podium.data.view import View

CHARACTERS = "0123456789+"
FIRST = 2  # the number of the first character, behind the end and the unknown
TRAINING, TEST = 5500, 1000
MOST_DIGITS = 7  # sums with more are no exact float32 any more


class Sums(Sequences):
    """5,500 + 1,000 sums of two numbers of at most so many digits, every pair of numbers in both orders.

    Raises:
        ValueError: there are too few sums of so few digits, or too many digits.
    """

    name = "sums"
    remedy = "restore podium/data/sums.py, or set data.checksum=null for other digits"

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
        digits: int,
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
            longest=longest,
        )
        if not 2 <= digits <= MOST_DIGITS:
            raise ValueError(
                f"digits must be from 2 to {MOST_DIGITS}, for {TRAINING + TEST:,} sums, got {digits}; set data.digits=2"
            )
        if (wanted := digits + 2) != self.longest:
            raise ValueError(
                f"longest must be {wanted} for sums of {digits} digits with their end, got {self.longest}; "
                f"set data.longest={wanted}"
            )
        self.digits = digits

    def load(self) -> Source:
        """Draw sums until there are enough."""
        check_symbols(self.view)
        parts = _drawn(self.digits)
        questions = [self.numbers(f"{a}+{b}") for part in parts for a, b in part]
        answers = [self.numbers(str(a + b)) for part in parts for a, b in part]
        numbered: dict[tuple[int, int], int] = {}
        groups = [
            numbered.setdefault((min(pair), max(pair)), len(numbered)) for part in parts for pair in part
        ]
        return Source(
            filled_up(questions, 2 * self.digits + 1).astype(np.float32),
            closed(filled_up(answers, self.longest)),
            test_start=TRAINING,
            groups=np.array(groups, dtype=np.int64),
        )

    def text(self, numbers: Sequence[int]) -> str:
        """Characters; a number that stands for none as a question mark."""
        return "".join(CHARACTERS[n - FIRST] if n >= FIRST else "?" for n in before_the_end(numbers))

    def numbers(self, text: str) -> list[int]:
        """The numbers of characters.

        Raises:
            ValueError: there are others than digits and the plus sign.
        """
        if foreign := sorted(set(text) - set(CHARACTERS)):
            raise ValueError(f"a sum must be of {CHARACTERS}, got {foreign[0]!r}; write one such as 34+14")
        return [FIRST + CHARACTERS.index(character) for character in text]


def _drawn(digits: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of numbers for training and for the test, each in both orders."""
    draw = stream(0, "sums")
    seen: set[tuple[int, int]] = set()
    training: list[tuple[int, int]] = []
    test: list[tuple[int, int]] = []
    while len(training) + len(test) < TRAINING + TEST:
        lengths, drawn = draw.random_sample(2), draw.random_sample((2, digits))
        a, b = (
            int("".join(str(int(10 * digit)) for digit in row[: 1 + int(length * digits)]))
            for length, row in zip(lengths, drawn, strict=True)
        )
        orders = list(dict.fromkeys([(a, b), (b, a)]))
        if not seen.isdisjoint(orders):
            continue
        seen.update(orders)
        for part, room in ((training, TRAINING), (test, TEST)):
            if len(part) + len(orders) <= room:  # one place may be left, for a number and itself
                part += orders
                break
    return training, test
