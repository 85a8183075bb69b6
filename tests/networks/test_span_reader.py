import pytest
import torch
from torch.nn import functional as F

from podium.networks import span_reader as module
from podium.networks.span_reader import SpanReader

PLAIN = {
    "in_shape": [12],
    "num_classes": 8,
    "num_symbols": 11,
    "embedding": 4,
    "cell": "lstm",
    "widths": [6],
    "dropout": 0.0,
    "forget_bias": 1.0,
}


def reader(**changes):
    torch.manual_seed(0)
    return SpanReader(**PLAIN | changes).eval()


def sample():
    """Four questions and paragraphs, of which the others are shorter than the first."""
    x = torch.randint(11, (4, 12), generator=torch.Generator().manual_seed(1)).float()
    for row, (question, paragraph) in enumerate(LENGTHS):
        x[row, question:4], x[row, 4 + paragraph :] = -1, -1
    return x


LENGTHS = [(4, 8), (2, 8), (4, 3), (1, 1)]


def alone(network, x, row):
    question, paragraph = LENGTHS[row]
    network.parts = [question, paragraph]
    given = network(torch.cat([x[row : row + 1, :question], x[row : row + 1, 4 : 4 + paragraph]], 1))
    network.parts = [4, 8]
    return given[0]


def test_in_windows_each_place_is_scored_as_if_its_window_were_the_whole_paragraph():
    network, x = (
        reader(in_shape=[16], num_classes=12, windows=[6, 3]),
        torch.cat([sample(), sample()[:, :4]], 1),
    )
    x[:, 12:], x[2:, 6 + 4 :] = 3, -1  # paragraphs of 12, 12, 3 and 1 places
    scores = network(x)
    assert scores.shape == (4, 2, 12)
    network.windows = None
    for first, taken in ((0, range(4)), (3, range(4, 7)), (6, range(7, 12))):
        inside = torch.cat([x[:2, :4], x[:2, 4 + first : 4 + first + 6]], 1)
        network.parts = [4, 6]
        alone = network(inside)
        for place in taken:
            torch.testing.assert_close(scores[:2, :, place], alone[..., place - first])
    network.parts = [4, 12]
    whole = network(x)
    torch.testing.assert_close(scores[2:], whole[2:])
    assert not torch.isclose(scores[:2], whole[:2]).all(2).any()


def test_windows_without_the_answer_are_learned_from_as_wrong_ones():
    network, x = reader(in_shape=[16], num_classes=12, windows=[4, 4]), torch.ones(1, 16)
    scores = network(x)
    scores.retain_grad()
    F.cross_entropy(scores[:, 0], torch.tensor([1])).backward()
    assert scores.grad[0, 0, 1] < 0
    assert (scores.grad[0, 0, 4:] > 0).all()


def test_parameters_follow_from_the_formula():
    network = reader(widths=[6, 3])
    paragraph = 2 * 4 * 6 * (9 + 6 + 2) + 2 * 4 * 3 * (12 + 3 + 2)
    question = 2 * 4 * 6 * (4 + 6 + 2) + 2 * 4 * 3 * (12 + 3 + 2)
    outputs = 6 + 7 * 12
    assert sum(p.numel() for p in network.parameters()) == 11 * 4 + 4 * 5 + paragraph + question + outputs


@pytest.mark.parametrize("widths", [[6], [6, 5]])
def test_a_padded_batch_gives_what_its_examples_give_one_by_one(widths, monkeypatch):
    network, x = reader(widths=widths), sample()
    together = network(x)
    assert together.shape == (4, 2, 8)
    for row, (_, paragraph) in enumerate(LENGTHS):
        torch.testing.assert_close(alone(network, x, row), together[row, :, :paragraph])
        assert (together[row, :, paragraph:] == float("-inf")).all()
    monkeypatch.setattr(module, "filled_to", lambda input: None)
    without = network(x)
    for row in (1, 2, 3):
        assert not torch.allclose(without[row, :, : LENGTHS[row][1]], together[row, :, : LENGTHS[row][1]])


def test_the_equations_of_the_paper_give_the_same():
    network, x = reader(), sample()[:1]
    question, paragraph = network.embedding(x.long())[0].split([4, 8])
    keys = [torch.relu(network.align(part)) for part in (question, paragraph)]
    read = []
    for i in range(8):
        weights = torch.stack([keys[1][i] @ keys[0][j] for j in range(4)]).softmax(0)
        same = any(x[0, 4 + i] == x[0, j] and x[0, j] > 0 for j in range(4))
        aligned = sum(weights[j] * question[j] for j in range(4))
        read.append(torch.cat([paragraph[i], aligned, torch.tensor([float(same)])]))
    places = network.layers[0](torch.stack(read)[None])[0][0]
    words = network.question_layers[0](question[None])[0][0]
    whole = (network.weigh(words).softmax(0) * words).sum(0)
    weight, bias = network.output.weight.split(12), network.output.bias.split(12)
    given = [
        [places[i].detach() @ (weight[end] @ whole + bias[end]).detach() for i in range(8)] for end in (0, 1)
    ]
    torch.testing.assert_close(network(x)[0], torch.tensor(given))


def test_it_sees_that_a_word_stands_in_the_question_but_not_that_two_are_unknown():
    network = reader()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("embedding"):
                parameter.zero_()  # no word is known by its vector
    x = torch.tensor([[3.0, 5, 5, 5, 6, 7, 6, 8, 6, 7, 6, 8]])
    other, unknown = x.clone(), x.clone()
    other[0, 6] = 3
    unknown[0, :4], unknown[0, 6] = 0, 0
    assert not torch.allclose(network(other), network(x))
    torch.testing.assert_close(network(unknown), network(x))


def test_what_cannot_be_is_refused():
    for changes, said in (
        ({"in_shape": [1, 9]}, r"^span_reader requires sequences of symbols, got samples of 1x9"),
        ({"num_classes": 12}, r"num_classes=12 places, got 12 places; use data=squad"),
        ({"widths": []}, r"^widths must be positive, got \[0\]"),
        ({"embedding": 0}, r"^embedding must be positive"),
        ({"dropout": 1.0}, r"^dropout must be"),
        (
            {"windows": [6]},
            r"^windows must be null or a length and a stride, got \[6\]; set network.windows=",
        ),
        ({"windows": [3, 6]}, r"^windows must have a length and a stride from 1 to it, got 3 and 6"),
    ):
        with pytest.raises(ValueError, match=said):
            reader(**changes)
