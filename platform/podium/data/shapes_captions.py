"""Generated pictures of two shapes, and a sentence about each: "a red circle left of a blue square".

No paper and no photographs: see ``podium.data.shapes``. Of two shapes side by side the left one is named first, of others
the upper one, so that there is one right sentence for every picture. No two shapes of a picture are alike.
"""

from collections.abc import Sequence

import numpy as np

from podium.data.arrays import Source
from podium.data.sequences import Sequences, before_the_end, closed, filled_up
from podium.data.shapes import (
    CLASSES,
    LARGEST,
    NOISE,
    SEED,
    SIDE,
    SMALLEST,
    TEST,
    TRAINING,
    Pixels,
    outline,
    whole_numbers,
)
from podium.data.split import stream

COLOURS = {"red": (210, 40, 40), "green": (40, 180, 60), "blue": (50, 70, 220), "yellow": (220, 210, 50)}
RELATIONS = ("left of", "above")
GROUND = (110, 110, 110)
APART = 8  # pixels by which two centres may differ across their relation
WORDS = sorted({"a", *COLOURS, *CLASSES, *" ".join(RELATIONS).split()})
FIRST = 2  # the number of the first word, behind the end and the unknown


class ShapesCaptions(Sequences):
    """1,600 + 400 generated pictures, 64x64, of two shapes, and what is said of each in at most eight words."""

    name = "shapes_captions"
    remedy = "restore podium/data/shapes_captions.py"

    def load(self) -> Source:
        """Draw the pictures: it takes a second."""
        draw = stream(SEED, "shapes_captions")
        made = [_picture(draw) for _ in range(TRAINING + TEST)]
        rows = [[FIRST + WORDS.index(word) for word in caption.split()] for _, caption in made]
        if (wanted := max(map(len, rows)) + 1) != self.longest:
            raise ValueError(
                f"longest must be {wanted}, the most words with the end, got {self.longest}; leave data.longest alone"
            )
        return Source(
            np.stack([p for p, _ in made]), closed(filled_up(rows, self.longest)), test_start=TRAINING
        )

    def text(self, numbers: Sequence[int]) -> str:
        """Words; a number that stands for none as a question mark."""
        return " ".join(WORDS[n - FIRST] if n >= FIRST else "?" for n in before_the_end(numbers))


def _picture(draw: np.random.RandomState) -> tuple[Pixels, str]:
    """One picture and its caption; it always takes the same number of random numbers."""
    numbers, noise = draw.random_sample(9), draw.random_sample((3, SIDE, SIDE))
    names = tuple(COLOURS)
    things = len(CLASSES) * len(names)
    first = int(numbers[0] * things)
    second = (first + 1 + int(numbers[1] * (things - 1))) % things
    relation = int(numbers[2] * len(RELATIONS))
    radii = whole_numbers(numbers[3:5], SMALLEST, LARGEST)
    picture = np.broadcast_to(np.array(GROUND)[:, None, None], noise.shape).copy()
    middle = int(whole_numbers(numbers[5:6], LARGEST + APART, SIDE - 1 - LARGEST - APART)[0])
    across = middle + whole_numbers(numbers[6:7], -APART, APART)[0]
    said = []
    for place, (thing, radius) in enumerate(zip((first, second), radii, strict=True)):
        low, high = (
            (radius, SIDE // 2 - 1 - radius) if place == 0 else (SIDE // 2 + radius, SIDE - 1 - radius)
        )
        along = int(whole_numbers(numbers[7 + place : 8 + place], low, high)[0])
        beside = middle if place == 0 else int(across)
        x, y = (along, beside) if relation == 0 else (beside, along)
        kind, colour = thing % len(CLASSES), names[thing // len(CLASSES)]
        seen = outline(kind, x=x, y=y, radius=int(radius))
        picture[:, seen] = np.array(COLOURS[colour])[:, None]
        said.append(f"a {colour} {CLASSES[kind]}")
    picture = np.clip(picture + whole_numbers(noise, -NOISE, NOISE), 0, 255)
    return picture.astype(np.uint8), f"{said[0]} {RELATIONS[relation]} {said[1]}"
