"""What a table of five characters knows: an interpolated n-gram model on the text of a finished language model's run.

    .venv/bin/python pipelines/ngram.py runs/RUN [ORDER]

It is fitted on the same training split, with the same vocabulary and windows, and scored on the same test split. Shorter
contexts are mixed in as Witten and Bell 1991 (https://doi.org/10.1109/18.87000) do: with n occurrences of a context and t
different characters behind it, p(c) = (n(c) + t p_shorter(c)) / (n + t); at the end stands the uniform distribution.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.run.errors import ConfigError
from podium.run.evaluate import trained

Numbers = npt.NDArray[np.int64]
NOTHING = -1


class InterpolatedNgram:
    """Counts of all runs of up to ``order`` characters, numbered below ``size``, in windows (n, length)."""

    def __init__(self, windows: Numbers, *, order: int, size: int) -> None:
        if order < 1 or (size + 1) ** order >= 2**63:
            raise ConfigError(f"ORDER must be from 1 to {int(63 / np.log2(size + 1))}, got {order}; take 5")
        self.order, self.size = order, size
        self.tables = []
        for length in range(1, order + 1):
            keys = self._keys(windows, length)
            runs, counts = np.unique(keys[self._there(windows, length)], return_counts=True)
            contexts, first = np.unique(runs // (size + 1), return_index=True)
            sums = np.add.reduceat(counts, first)
            kinds = np.diff(np.append(first, len(runs)))
            self.tables.append((runs, counts, contexts, sums, kinds))

    def bits(self, windows: Numbers) -> float:
        """Mean of -log2 p over all characters but the first of each window."""
        p = np.full(windows.shape, 1 / self.size)
        for length, (runs, counts, contexts, sums, kinds) in enumerate(self.tables, start=1):
            keys, there = self._keys(windows, length), self._there(windows, length)
            seen = _looked_up(keys, runs, counts)
            total, different = (_looked_up(keys // (self.size + 1), contexts, of) for of in (sums, kinds))
            known = there & (total > 0)
            p[known] = (seen[known] + different[known] * p[known]) / (total[known] + different[known])
        counted = windows[:, 1:] != NOTHING
        return float(-np.log2(p[:, 1:][counted]).mean())

    def _keys(self, windows: Numbers, length: int) -> Numbers:
        """One number for each place and the characters before it, in all so many."""
        key = np.zeros(windows.shape, dtype=np.int64)
        for back in range(length - 1, -1, -1):
            key = key * (self.size + 1) + np.pad(windows, ((0, 0), (back, 0)), constant_values=0)[
                :, : windows.shape[1]
            ].clip(min=0)
        return key

    def _there(self, windows: Numbers, length: int) -> npt.NDArray[np.bool_]:
        """Places with so many characters up to them, in their window."""
        return (windows != NOTHING) & (np.arange(windows.shape[1]) >= length - 1)


def _looked_up(keys: Numbers, known: Numbers, values: Numbers) -> Numbers:
    """The values of keys, 0 of those that are not known."""
    places = np.searchsorted(known, keys).clip(max=len(known) - 1)
    found: Numbers = np.where(known[places] == keys, values[places], 0)
    return found


def main(folder: Path, order: int) -> int:
    """Fit, score, and print both figures."""
    try:
        record, parts = trained(folder)
        windows = {}
        for split in ("train", "test"):
            batch = parts.data.examples(split).batch(slice(None))
            windows[split] = np.concatenate([batch.input[:, :1].long().numpy(), batch.target.numpy()], axis=1)
        bits = InterpolatedNgram(windows["train"], order=order, size=parts.data.num_classes).bits(
            windows["test"]
        )
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    assert record.metrics is not None
    print(f"{order}-gram model: {bits:.3f} bits per character")
    print(f"{record.name}: {record.metrics['test/bits_per_character']:.3f} bits per character")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5))
