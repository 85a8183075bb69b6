"""Translation: sequence to sequence, judged by BLEU."""

from torch import Tensor
from torchmetrics.text import BLEUScore

from podium.contracts import END
from podium.metrics.sequence_to_sequence import UNKNOWN
from podium.tasks.sequence_to_sequence import SequenceToSequence

NOBODY = "?"  # a true word that no vocabulary holds: nothing that is written equals it


class Translation(SequenceToSequence):
    """Reports, besides what ``SequenceToSequence`` does, BLEU over the whole validation split."""

    def on_validation_epoch_start(self) -> None:
        """Count anew."""
        super().on_validation_epoch_start()
        self.bleu = BLEUScore().to(self.device)

    def judge(self, written: Tensor, target: Tensor) -> None:
        """Count what is right in a batch, and the runs of words that are."""
        super().judge(written, target)
        true = [words(row, unknown=NOBODY) for row in target.tolist()]
        self.bleu.update([words(row, unknown=str(UNKNOWN)) for row in written.tolist()], [[t] for t in true])

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole split."""
        super().on_validation_epoch_end()
        self.log("validation/bleu", self.bleu.compute())


def words(row: list[int], *, unknown: str) -> str:
    """Symbols as torchmetrics wants them: a text of their numbers."""
    return " ".join(unknown if n == UNKNOWN else str(n) for n in row if n > END)
