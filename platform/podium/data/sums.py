"""Learning to add: reads "34+14", writes "48" (after Zaremba and Sutskever 2014, Learning to execute,
https://arxiv.org/abs/1410.4615, in the form of Keras' example "addition_rnn").

Differs from the paper and the example: questions are not filled up with blanks but end where they end, and 5,500 + 1,000 sums
are made. Every number has one to ``digits`` digits, each length as often as another. No sum is there twice, nor as b+a.
"""

from collections.abc import Sequence

from podium.data.arrays import Source
from podium.data.sequences import Sequences, before_the_end, check_symbols, closed, filled_up
from podium.data.split import Split, stream
from podium.data.view import View

CHARACTERS = "0123456789+"
FIRST = 2  # the number of the first character, behind the end and the unknown
TRAINING, TEST = 5500, 1000
MOST_DIGITS = 7  # sums with more are no exact float32 any more


class Sums(Sequences):
    """5,500 + 1,000 sums of two numbers of at most so many digits.

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
        if not 3 <= digits <= MOST_DIGITS:
            raise ValueError(
                f"digits must be from 3 to {MOST_DIGITS}, for {TRAINING + TEST:,} sums, got {digits}; set data.digits=3"
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
        draw = stream(0, "sums")
        seen: set[tuple[int, int]] = set()
        questions, answers = [], []
        while len(questions) < TRAINING + TEST:
            lengths, digits = draw.random_sample(2), draw.random_sample((2, self.digits))
            a, b = (
                int("".join(str(int(10 * digit)) for digit in row[: 1 + int(length * self.digits)]))
                for length, row in zip(lengths, digits, strict=True)
            )
            pair = (min(a, b), max(a, b))
            if pair not in seen:
                seen.add(pair)
                questions.append(self.numbers(f"{a}+{b}"))
                answers.append(self.numbers(str(a + b)))
        inputs = filled_up(questions, 2 * self.digits + 1).astype("float32")
        return Source(inputs, closed(filled_up(answers, self.longest)), test_start=TRAINING)

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
