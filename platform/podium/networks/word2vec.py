"""word2vec, the skip-gram model with negative sampling: Mikolov, Sutskever, Chen, Corrado and Dean 2013, Distributed
representations of words and phrases and their compositionality, https://arxiv.org/abs/1310.4546.

Follows the paper. Vectors begin as those of words do in the authors' program, uniform in +-0.5 / width; that program lets
the vectors of contexts begin at zero, where the words' would have no gradient in the first step.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.shapes import check_positive
from podium.layers.table import Table


class Word2vec(nn.Module):
    """The product of a word's vector with that of each candidate for its context, as logits; ``width`` numbers a vector.

    Raises:
        ValueError: samples are no skip-grams with noise, or a size is not positive.
    """

    def __init__(
        self, *, in_shape: Sequence[int], num_classes: int, num_words: int | None, width: int
    ) -> None:
        super().__init__()
        if len(in_shape) != 1 or in_shape[0] < 3 or num_classes != in_shape[0] - 1 or num_words is None:
            raise ValueError(
                "word2vec requires skip-grams of a word, one from its window and noise words, got samples of "
                f"{'x'.join(map(str, in_shape))} for {num_classes} values; use data=skip_grams"
            )
        check_positive("num_words", [num_words], remedy="leave it to data")
        check_positive("width", [width], remedy="set network.width=64")
        self.word, self.context = (Table(num_words, width) for _ in range(2))
        for table in (self.word, self.context):
            nn.init.uniform_(table.weight, -0.5 / width, 0.5 / width)

    def forward(self, input: Float[Tensor, "batch words"]) -> Float[Tensor, "batch candidates"]:
        """Logits of each candidate to be from the window of the first word."""
        numbers = input.long().clamp(min=0)
        word, candidates = self.word(numbers[:, 0]), self.context(numbers[:, 1:])
        products: Tensor = (candidates @ word[:, :, None])[:, :, 0]
        return products
