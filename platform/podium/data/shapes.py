"""Generated pictures of circles, squares and triangles: where each object is, known to the pixel.

No paper and no photographs: everything is drawn here, by whole numbers from the one stream of random numbers that
numpy has frozen, so that the pictures are the same under every version of every library.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.data.split import stream

CLASSES = ("circle", "square", "triangle")
SIDE = 64  # pixels
MOST_OBJECTS = 4
TRAINING, TEST = 1600, 400  # pictures
SMALLEST, LARGEST = 6, 13  # radius of an object: half its width, in pixels
GROUND, OBJECT = (30, 110), (130, 240)  # levels of a colour's channels, before noise
NOISE = 30  # levels either side
LEAST_SEEN = 4  # an object of which less than one part in four can be seen is not in the picture
SEED = 0  # of the data set, no option: another number would be another data set

Pixels = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]


class Shapes(NamedTuple):
    """All pictures: uint8 (n, 3, side, side), class of every pixel (0 is the ground) and boxes of every object.

    Boxes are float32 (n, most objects, 5): class from 0, x1, y1, x2, y2 of what can be seen, filled up with rows of -1.
    """

    pictures: Pixels
    masks: Pixels
    boxes: npt.NDArray[np.float32]


def draw_shapes(*, pictures: int, seed: int) -> Shapes:
    """That many pictures of one to four objects each; later objects lie on top of earlier ones."""
    draw = stream(seed, "shapes")
    made = Shapes(
        np.empty((pictures, 3, SIDE, SIDE), dtype=np.uint8),
        np.zeros((pictures, SIDE, SIDE), dtype=np.uint8),
        np.full((pictures, MOST_OBJECTS, 5), -1, dtype=np.float32),
    )
    for number in range(pictures):
        picture, mask, boxes = _picture(draw)
        made.pictures[number], made.masks[number] = picture, mask
        made.boxes[number, : len(boxes)] = boxes
    return made


def outline(kind: int, *, x: int, y: int, radius: int) -> Masks:
    """The pixels of one object, (side, side): inside a circle, a square, or a triangle with its point up."""
    row, column = np.mgrid[:SIDE, :SIDE]
    across, down = np.abs(column - x), row - y
    if kind == 0:
        return np.asarray(across**2 + down**2 <= radius**2)
    if kind == 1:
        return np.asarray((across <= radius) & (np.abs(down) <= radius))
    return np.asarray((np.abs(down) <= radius) & (2 * across <= down + radius))


def _picture(draw: np.random.RandomState) -> tuple[Pixels, Pixels, npt.NDArray[np.float32]]:
    """One picture, the class of its pixels, and its boxes; it always takes the same number of random numbers."""
    ground = whole_numbers(draw.random_sample(3), *GROUND)
    wanted = 1 + int(draw.random_sample() * MOST_OBJECTS)
    numbers = draw.random_sample((MOST_OBJECTS, 7))
    noise = whole_numbers(draw.random_sample((3, SIDE, SIDE)), -NOISE, NOISE)
    objects = [_object(row) for row in numbers[:wanted]]
    kept = _visible([outline(kind, x=x, y=y, radius=radius) for kind, x, y, radius, _ in objects])
    picture = np.broadcast_to(ground[:, None, None], noise.shape).copy()
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    boxes = []
    for (kind, _, _, _, colour), seen in zip(objects, kept, strict=True):
        picture[:, seen] = colour[:, None]
        mask[seen] = kind + 1
        if seen.any():
            boxes.append([kind, *box_of(seen)])
    return np.clip(picture + noise, 0, 255).astype(np.uint8), mask, np.array(boxes, dtype=np.float32)


def box_of(seen: Masks) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 around the pixels, the ends of the last ones included."""
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _object(numbers: npt.NDArray[np.float64]) -> tuple[int, int, int, int, npt.NDArray[np.int64]]:
    """Class, centre, radius and colour of one object, which is whole inside the picture."""
    radius = int(whole_numbers(numbers[:1], SMALLEST, LARGEST)[0])
    x, y = whole_numbers(numbers[1:3], radius, SIDE - 1 - radius)
    return int(numbers[3] * len(CLASSES)), int(x), int(y), radius, whole_numbers(numbers[4:7], *OBJECT)


def _visible(outlines: list[Masks]) -> list[Masks]:
    """What can be seen of each object, nothing of one that others hide; taking one away only uncovers the rest."""
    seen: list[Masks] = []
    covered = np.zeros((SIDE, SIDE), dtype=np.bool_)
    for whole in reversed(outlines):  # from the top
        part = whole & ~covered
        if LEAST_SEEN * part.sum() < whole.sum():
            part = np.zeros_like(whole)
        else:
            covered |= whole
        seen.insert(0, part)
    return seen


def whole_numbers(numbers: npt.NDArray[np.float64], low: int, high: int) -> npt.NDArray[np.int64]:
    """Numbers of [0, 1) as whole ones from low to high, both included."""
    return (low + np.floor(numbers * (high - low + 1))).astype(np.int64)
