import math

import pytest
import torch

from podium.layers.initializers import SmallNormal, Zeros
from podium.layers.table import Table
from podium.networks.word2vec import Word2vec
from podium.tasks.negative_sampling import NegativeSampling


def word2vec(**changes):
    torch.manual_seed(0)
    return Word2vec(**{"in_shape": [5], "num_classes": 4, "num_words": 30, "width": 6} | changes)


SAMPLES = torch.tensor([[3.0, 4.0, 5.0, 6.0, 7.0], [9.0, 1.0, 29.0, 2.0, 9.0]])


def test_a_logit_is_the_product_of_the_words_vector_and_the_candidates():
    network = word2vec()
    found = network(SAMPLES)
    assert found.shape == (2, 4)
    for row, words in enumerate(SAMPLES.long().tolist()):
        for place, candidate in enumerate(words[1:]):
            pair = zip(
                network.word.weight[words[0]].tolist(),
                network.context.weight[candidate].tolist(),
                strict=True,
            )
            assert found[row, place].item() == pytest.approx(sum(a * b for a, b in pair), rel=1e-4)


def test_a_table_of_a_thousand_words_gives_every_place_its_row():
    table, words = (
        Table(1000, 64),
        torch.randint(1, 1000, (5, 10), generator=torch.Generator().manual_seed(0)),
    )
    assert table(words).shape == (5, 10, 64)
    assert torch.equal(table(words)[3, 7], table.weight[words[3, 7]])


def test_vectors_begin_as_in_the_authors_program_and_initialisers_fill_both_tables():
    network = word2vec(num_words=2000, width=50)
    for table in (network.word, network.context):
        assert 0.0099 < table.weight.abs().max() <= 0.01
        assert abs(table.weight.mean()) < 1e-4
    Zeros(exceptions={"word": SmallNormal(stddev=0.3, exceptions={})}).apply(network)
    assert network.word.weight.std().item() == pytest.approx(0.3, rel=0.02)
    assert not network.context.weight.any()


def test_an_unknown_word_is_like_nothing():
    network = word2vec()
    found = network(torch.tensor([[0.0, 1.0, 2.0, 3.0, 4.0], [5.0, 0.0, 2.0, 3.0, 4.0]]))
    assert not found[0].any()
    assert found[1].tolist()[0] == 0.0
    assert found[1, 1:].all()


def test_the_gradient_is_that_of_the_paper():
    network = word2vec(width=3)
    target = torch.tensor([[1.0, 0.0, 0.0, 0.0]] * 2)
    (2 * NegativeSampling.loss(None, network(SAMPLES), target)).backward()  # a sum, not a mean, over two
    word, context = network.word.weight.detach(), network.context.weight.detach()
    wanted = torch.zeros_like(word)
    for row, words in enumerate(SAMPLES.long().tolist()):
        for place, candidate in enumerate(words[1:]):
            probability = 1 / (1 + math.exp(-float(word[words[0]] @ context[candidate])))
            wanted[words[0]] += (probability - target[row, place]) * context[candidate]
    torch.testing.assert_close(network.word.weight.grad, wanted)


def test_with_room_for_it_the_products_are_the_pointwise_mutual_information_less_the_logarithm_of_k():
    """Levy and Goldberg 2014, Neural word embedding as implicit matrix factorization."""
    counts = torch.tensor([[4, 1, 1], [1, 3, 2], [1, 2, 5]])
    contexts = torch.repeat_interleave(torch.arange(1, 4), counts.sum(0)).tolist()
    rows = [
        [
            word + 1,
            true + 1,
            noise,
            other,
        ]  # every pair with all noise there is: two words, each drawn from all
        for word in range(3)
        for true in range(3)
        for _ in range(int(counts[word, true]))
        for noise, other in zip(contexts, contexts[7:] + contexts[:7], strict=True)
    ]
    network = word2vec(in_shape=[4], num_classes=3, num_words=4, width=3)
    SmallNormal(stddev=0.5, exceptions={}).apply(network)
    input = torch.tensor(rows).float()
    target = torch.tensor([1.0, 0.0, 0.0]).expand(len(rows), -1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        NegativeSampling.loss(None, network(input), target).backward()
        optimizer.step()
    found = (network.word.weight @ network.context.weight.T)[1:, 1:].detach()
    chance = counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum()
    torch.testing.assert_close(found, (counts / chance).log() - math.log(2), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"in_shape": [1, 8, 8]},
            r"^word2vec requires skip-grams .*, got samples of 1x8x8 for 4 values; use",
        ),
        ({"in_shape": [2], "num_classes": 1}, r"requires skip-grams .*, got samples of 2 for 1 values"),
        ({"num_classes": 5}, r"got samples of 5 for 5 values; use data=skip_grams$"),
        ({"num_words": None}, r"requires skip-grams"),
        ({"num_words": 0}, r"num_words must be positive, got \[0\]; leave it to data"),
        ({"width": 0}, r"width must be positive, got \[0\]; set network\.width=64"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        word2vec(**changes)
