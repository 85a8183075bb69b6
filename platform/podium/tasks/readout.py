"""What rules for a read-out have in common: a linear layer ``output`` on features that no gradient reaches."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from podium.contracts import Batch
from podium.tasks.base import expect_shape
from podium.tasks.rule import RuleTask


class ReadoutTask(RuleTask):
    """Gives a sum for each class, of which the largest decides. Reports its loss and the top-1 error (fraction)."""

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """A sum for every class (samples, classes)."""
        expect_shape(output, (samples, num_classes), what="a sum of each class,", samples=samples)

    @property
    def readout(self) -> nn.Linear:
        """The layer ``output``."""
        layer = self.network.get_submodule("output")
        assert isinstance(layer, nn.Linear)
        return layer

    def features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the read-out sees of a batch, and what it gives."""
        seen: list[Tensor] = []
        with self.readout.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
            output: Tensor = self.network(batch.input)
        return seen[0], output

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Whose largest sum is that of another class."""
        return {"top1_error": (output.argmax(1) != target).sum()}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """Class numbers, true and decided."""
        return {"label": batch.target, "decision": output.argmax(1)}
