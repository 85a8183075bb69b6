import pytest
import torch
from torch import nn

from podium.layers.initializers import SmallNormal, VarianceScaling, Zeros
from podium.layers.table import Table
from podium.networks.recommender import MatrixFactorization, NeuralRecommender

PAIRS = {"in_shape": [2], "num_classes": 1, "num_users": 30, "num_items": 40}


def factorization(**changes):
    torch.manual_seed(0)
    return MatrixFactorization(**PAIRS | {"factors": 5, "mean": 3.5} | changes)


def neural(**changes):
    torch.manual_seed(0)
    plain = {"embedding": 6, "units": 7, "dropout": 0.0, "dense_dropout": 0.0, "output_range": None}
    return NeuralRecommender(**PAIRS | plain | changes)


def pairs(count=16):
    draw = torch.Generator().manual_seed(1)
    return torch.stack([torch.randint(1, n, (count,), generator=draw) for n in (30, 40)], 1).float()


def test_a_factorised_rating_is_the_formula_of_the_paper():
    network, input = factorization(), pairs()
    with torch.no_grad():
        network.user_bias.normal_()
        network.item_bias.normal_()
    for (user, item), found in zip(input.long().tolist(), network(input)[:, 0], strict=True):
        product = sum(
            a * b
            for a, b in zip(
                network.user.weight[user].tolist(), network.item.weight[item].tolist(), strict=True
            )
        )
        wanted = 3.5 + network.user_bias[user].item() + network.item_bias[item].item() + product
        assert float(found) == pytest.approx(wanted, rel=1e-4)


def test_the_neural_recommender_is_the_sequence_of_its_layers():
    network, input = neural(), pairs()
    user, item = input.long().T
    layers = nn.Sequential(network.dense, nn.ReLU(), network.output)
    wanted = layers(torch.cat([network.user.weight[user], network.item.weight[item]], 1))
    torch.testing.assert_close(network(input), wanted)


def test_an_unknown_user_has_no_influence_and_an_unknown_item_neither():
    network = factorization()
    with torch.no_grad():
        network.user_bias.fill_(1.0)
        network.item_bias.fill_(0.25)
    assert network(torch.tensor([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]]))[:, 0].tolist() == [3.5, 3.75, 4.5]
    network(torch.tensor([[0.0, 0.0]])).sum().backward()
    assert not network.user.weight.grad[0].any()
    first = neural()
    before = first(torch.tensor([[0.0, 5.0]]))
    with torch.no_grad():
        first.user.weight[0].fill_(100.0)
    assert torch.equal(first(torch.tensor([[0.0, 5.0]])), before)


def test_a_range_bends_ratings_into_it():
    with torch.no_grad():
        plain, bent = neural(), neural(output_range=[0.5, 5.5])
        for network in (plain, bent):
            network.output.weight.mul_(100)
        wanted = 0.5 + 5.0 * plain(pairs()).sigmoid()
        torch.testing.assert_close(bent(pairs()), wanted)
        assert plain(pairs()).max() > 5.5


def test_dropout_is_in_front_of_the_dense_layer_and_behind_it():
    network = neural(dropout=0.3, dense_dropout=0.75)
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.3, 0.75]
    network.train()
    assert not torch.equal(network(pairs()), network(pairs()))


@pytest.mark.parametrize(
    ("make", "changes", "said"),
    [
        (
            factorization,
            {"in_shape": [1, 8, 8]},
            r"requires pairs of a user and an item .* samples of 1x8x8; use data",
        ),
        (
            factorization,
            {"num_users": None},
            r"^matrix_factorization requires pairs .*, got samples of 2; use data",
        ),
        (neural, {"num_classes": 3}, r"^neural_recommender requires pairs"),
        (factorization, {"factors": 0}, r"factors must be positive, got \[0\]; set network\.factors=50"),
        (factorization, {"num_items": 0}, r"num_users and num_items must be positive, got \[30, 0\]"),
        (neural, {"embedding": 0}, r"embedding must be positive"),
        (neural, {"units": 0}, r"units must be positive"),
        (neural, {"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        (neural, {"dense_dropout": -0.1}, r"dropout must be in \[0, 1\)"),
        (
            neural,
            {"output_range": [5.0, 1.0]},
            r"output_range must be null or two numbers that rise, got \[5\.0, 1\.0\]",
        ),
        (neural, {"output_range": [1.0]}, r"output_range must be null or two numbers that rise"),
    ],
)
def test_what_cannot_be_built_is_refused(make, changes, said):
    with pytest.raises(ValueError, match=said):
        make(**changes)


def test_initialisers_fill_tables_and_exceptions_find_them_by_name():
    network = factorization(num_users=2000, num_items=2000, factors=50)
    Zeros(exceptions={"user": SmallNormal(stddev=0.3, exceptions={})}).apply(network)
    assert network.user.weight.std().item() == pytest.approx(0.3, rel=0.02)
    assert not network.item.weight.any()
    lecun = VarianceScaling(fan="in", distribution="truncated_normal", gain=1.0, exceptions={})
    lecun.apply(network)
    assert network.item.weight.var().item() == pytest.approx(1 / 50, rel=0.05)


def test_an_embedding_of_torch_is_left_as_it_was():
    network = nn.Sequential(nn.Embedding(9, 4), Table(9, 4))
    before = network[0].weight.clone()
    Zeros(exceptions={}).apply(network)
    assert torch.equal(network[0].weight, before)
    assert not network[1].weight.any()


def test_two_users_of_opposite_taste_are_told_apart_where_biases_alone_cannot():
    pairs = torch.cartesian_prod(torch.arange(1, 9), torch.arange(1, 9)).float()
    taste = torch.where(pairs.long().sum(1) % 2 == 0, 5.0, 1.0)[:, None]  # each mean is 3

    def error(network, *, factors):
        with torch.no_grad():
            if not factors:
                network.user.weight.zero_()
                network.item.weight.zero_()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
        for _ in range(150):
            optimizer.zero_grad()
            loss = ((network(pairs) - taste) ** 2).mean()
            loss.backward()
            optimizer.step()
        return loss.item()

    assert error(factorization(), factors=True) < 0.05
    assert error(factorization(), factors=False) > 3.9
