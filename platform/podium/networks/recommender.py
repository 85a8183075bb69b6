"""Recommenders: Koren, Bell and Volinsky 2009, Matrix factorization techniques for recommender systems,
https://doi.org/10.1109/MC.2009.263.

    rating = mean + bias of the user + bias of the item + user . item

Differs from the paper: the mean of all ratings is learned with the rest, beginning at ``mean``; decay is the optimizer's,
of every row in every step. The neural recommender, which feeds both embeddings to a dense layer, is the lectures'.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.shapes import check_dropout, check_positive, pair_counts
from podium.layers.table import Table


class MatrixFactorization(nn.Module):
    """The product of a user's and an item's ``factors``, with a bias each; unknown ones have neither.

    Raises:
        ValueError: samples are no pairs of a user and an item, or there are no factors.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        num_users: int | None,
        num_items: int | None,
        factors: int,
        mean: float,
    ) -> None:
        super().__init__()
        counts = pair_counts(in_shape, num_classes, num_users, num_items, network="matrix_factorization")
        check_positive("factors", [factors], remedy="set network.factors=50")
        self.user, self.item = (Table(count, factors) for count in counts)
        self.user_bias, self.item_bias = (nn.Parameter(torch.zeros(count)) for count in counts)
        self.mean = nn.Parameter(torch.tensor(float(mean)))

    def forward(self, input: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch 1"]:
        """Ratings."""
        user, item = input.long().clamp(min=0).unbind(1)
        biases = self.user_bias[user] * (user > 0) + self.item_bias[item] * (item > 0)
        product = (self.user(user) * self.item(item)).sum(1)
        ratings: Tensor = self.mean + biases + product
        return ratings[:, None]


class NeuralRecommender(nn.Module):
    """Embeddings side by side, dropout, a rectified dense layer of ``units``, dropout, and one value.

    ``dropout`` is in front of the dense layer, ``dense_dropout`` behind it. ``output_range`` bends the value into a range
    by a sigmoid; null leaves it as it is.

    Raises:
        ValueError: samples are no pairs of a user and an item, a size is not positive, dropout is outside [0, 1), or the
            range is none.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        num_users: int | None,
        num_items: int | None,
        embedding: int,
        units: int,
        dropout: float,
        dense_dropout: float,
        output_range: Sequence[float] | None,
    ) -> None:
        super().__init__()
        counts = pair_counts(in_shape, num_classes, num_users, num_items, network="neural_recommender")
        check_positive("embedding", [embedding], remedy="set network.embedding=50")
        check_positive("units", [units], remedy="set network.units=70")
        check_dropout(dropout)
        check_dropout(dense_dropout)
        if output_range is not None and (len(output_range) != 2 or not output_range[0] < output_range[1]):
            raise ValueError(
                f"output_range must be null or two numbers that rise, got {list(output_range)}; "
                "set network.output_range=[0.5,5.5]"
            )
        self.user, self.item = (Table(count, embedding) for count in counts)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(2 * embedding, units)
        self.activation = nn.ReLU()
        self.dropout_dense = nn.Dropout(dense_dropout)
        self.output = nn.Linear(units, 1)
        self.range = None if output_range is None else tuple(output_range)

    def forward(self, input: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch 1"]:
        """Ratings."""
        user, item = input.long().clamp(min=0).unbind(1)
        both = self.dropout(torch.cat([self.user(user), self.item(item)], dim=1))
        rating: Tensor = self.output(self.dropout_dense(self.activation(self.dense(both))))
        if self.range is None:
            return rating
        low, high = self.range
        return low + (high - low) * rating.sigmoid()
