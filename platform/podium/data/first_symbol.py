"""A long time lag: the first symbol of a sequence is its class, and all others distract (after experiment 2 of Hochreiter
and Schmidhuber 1997, Long short-term memory, https://doi.org/10.1162/neco.1997.9.8.1735).

Differs from the paper: four symbols that decide and four that distract, drawn at random, and the class is asked for in
place of the next symbol. Symbols are channels of which one is on.
"""

import numpy as np

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.split import stream

TRAINING, TEST = 2000, 500
LENGTH = 60
CLASSES, DISTRACTORS = 4, 4


class FirstSymbol(DataModule):
    """2,000 + 500 sequences of 60 symbols in 4 classes: that of the first, 59 distractors before the end."""

    name = "first_symbol"
    remedy = "restore podium/data/first_symbol.py"

    def load(self) -> Source:
        """Draw the distractors."""
        labels = np.arange(TRAINING + TEST) % CLASSES
        drawn = stream(0, "first_symbol").random_sample((len(labels), LENGTH))
        symbols = CLASSES + (drawn * DISTRACTORS).astype(np.int64)
        symbols[:, 0] = labels
        inputs = np.arange(CLASSES + DISTRACTORS)[None, :, None] == symbols[:, None]
        return Source(inputs.astype(np.float32), labels, test_start=TRAINING)
