"""Video as folders of frames: a folder a class, in it a folder a video, in it an image a frame.

Splits are those of ``image_folder``. A video is seen as evenly spaced frames, from the middle of as many equal parts; of
a shorter one some frames are seen twice. Frames are in the order of the numbers in their names: frame10 after frame9.
"""

import os
import re
from pathlib import Path

import numpy as np

from podium.data.classes import by_folder, folders_of_splits, splits
from podium.data.image_content import Arrangement
from podium.data.image_scan import Scan
from podium.data.images import ImageFiles

NUMBER = re.compile(rb"(\d+)")


class Frames(ImageFiles):
    """Your own videos: set data.root, data.num_classes and data.shape=[channels,frames,height,width]."""

    name = "frames"
    remedy = "set data.root to the folder of your videos"
    form = "[channels,frames,height,width]"

    def folders(self) -> tuple[Path, list[str]]:
        """The folders of the splits, or the whole root."""
        return Path(self.root), folders_of_splits(Path(self.root))

    def arrange(self, scan: Scan) -> Arrangement:
        """Sort videos by the folder of their class, and choose their frames."""
        training, test = splits(scan.root)
        videos: dict[bytes, list[int]] = {}
        for row, name in enumerate(scan.names):
            if name.count(b"/") < (2 if test is None and training == ["."] else 3):
                raise ValueError(
                    f"every frame in {scan.root} must lie in the folder of its video in that of its class, "
                    f"got {os.fsdecode(name)}; move it there"
                )
            videos.setdefault(name.rpartition(b"/")[0], []).append(row)
        found = by_folder(
            scan._replace(names=list(videos)), training=training, test=test, num_classes=self.num_classes
        )
        frames = np.array([self._chosen(scan, rows) for rows in videos.values()], dtype=np.int64)
        return found._replace(files=frames[found.files])

    def _chosen(self, scan: Scan, rows: list[int]) -> list[int]:
        rows = sorted(rows, key=lambda row: _numbers(scan.names[row]))
        wanted = self.shape[1]
        return [rows[(2 * frame + 1) * len(rows) // (2 * wanted)] for frame in range(wanted)]


def _numbers(name: bytes) -> list[tuple[int, bytes]]:
    """A key by which frame10 comes after frame9."""
    parts = NUMBER.split(name.rpartition(b"/")[2])
    return [(int(part) if place % 2 else -1, part) for place, part in enumerate(parts)]
