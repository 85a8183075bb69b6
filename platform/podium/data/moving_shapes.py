"""Generated video: a square, a cross or a ring moves over noise, and the class is the direction it moves in.

No paper and no camera: everything is drawn here, by whole numbers from the one stream of random numbers that numpy has
frozen. The picture is a torus, what leaves it on one side comes back on the other, so that no single frame tells the
direction: a network has to look at several.
"""

import numpy as np
import numpy.typing as npt

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.split import stream

DIRECTIONS = {
    "east": (0, 1),
    "northeast": (-1, 1),
    "north": (-1, 0),
    "northwest": (-1, -1),
    "west": (0, -1),
    "southwest": (1, -1),
    "south": (1, 0),
    "southeast": (1, 1),
}
SHAPES = (
    ("#####", "#####", "#####", "#####", "#####"),
    ("..#..", "..#..", "#####", "..#..", "..#.."),
    (".###.", "#...#", "#...#", "#...#", ".###."),
)
FRAMES, SIDE = 8, 16
TRAINING, TEST = 1600, 400  # videos
NOISE, DARKEST, BRIGHTEST = 64, 128, 256  # levels: of the ground, and of the shape


class MovingShapes(DataModule):
    """1,600 + 400 generated videos of 8 frames of 16x16 pixels in 8 directions."""

    name = "moving_shapes"
    remedy = "restore podium/data/moving_shapes.py"
    class_names = tuple(DIRECTIONS)

    def load(self) -> Source:
        """Draw the videos."""
        labels = np.arange(TRAINING + TEST) % len(DIRECTIONS)
        return Source(_draw(labels), labels, test_start=TRAINING)


def _draw(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    draw = stream(0, "moving_shapes")

    def whole(low: int, high: int, *size: int) -> npt.NDArray[np.int64]:
        return low + (draw.random_sample(size) * (high - low)).astype(np.int64)

    count = len(labels)
    shape, speed, bright = whole(0, len(SHAPES), count), whole(1, 3, count), whole(DARKEST, BRIGHTEST, count)
    start = whole(0, SIDE, count, 2)
    videos = whole(0, NOISE, count, FRAMES, SIDE, SIDE)
    steps = np.array(list(DIRECTIONS.values()))[labels]
    for row in range(count):
        for frame in range(FRAMES):
            place = start[row] + frame * speed[row] * steps[row]
            videos[row, frame][np.roll(_stamp(int(shape[row])), place, axis=(0, 1))] = bright[row]
    return videos.astype(np.uint8)[:, None]


def _stamp(shape: int) -> npt.NDArray[np.bool_]:
    stamp = np.zeros((SIDE, SIDE), dtype=np.bool_)
    drawn = np.array([list(line) for line in SHAPES[shape]]) == "#"
    stamp[: drawn.shape[0], : drawn.shape[1]] = drawn
    return stamp
