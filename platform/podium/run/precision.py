"""Half precision that leaves symbols as they are: of the whole numbers above 256 bfloat16 holds only some."""

from typing import Any

from pytorch_lightning.plugins import HalfPrecision
from torch import nn

from podium.contracts import Batch
from podium.data.base import DataModule


def looks_up(network: nn.Module, data: DataModule) -> bool:
    """Whether inputs are the numbers of rows in a table of the network's: others are values, and may be rounded."""
    return data.of_symbols and any(isinstance(module, nn.Embedding) for module in network.modules())


class ExactSymbols(HalfPrecision):
    """Lightning's ``bf16-true`` for a network that looks its inputs up."""

    def __init__(self) -> None:
        super().__init__("bf16-true")

    def convert_input(self, data: Any) -> Batch:
        """A batch whose targets alone are rounded."""
        return Batch(data.input, super().convert_input(data.target))
