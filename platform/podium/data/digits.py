"""Optical recognition of handwritten digits, 8x8: Alpaydin and Kaynak, 1998, https://doi.org/10.24432/C50P49.

The 1,797 test images of the original, as scikit-learn ships them. Differs from the original: its split by
writers is not kept, since its training images are not shipped; values 0 to 16 are scaled to 0 to 1.
"""

import numpy as np

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.packaged import packaged_table


class Digits(DataModule):
    """1,797 digits of 8x8 pixels in 10 classes; no published test split."""

    name = "digits"
    remedy = "pip install --force-reinstall scikit-learn"

    def load(self) -> Source:
        """Read the table inside scikit-learn."""
        table = packaged_table(
            "sklearn", "datasets/data/digits.csv.gz", distribution="scikit-learn", shape=(1797, 65)
        )
        inputs = (table[:, :-1] / np.float32(16)).reshape(-1, 1, 8, 8)
        return Source(inputs, table[:, -1].astype(np.int64), test_start=None)
