"""Encoder and decoder: what is filled up is not read, nothing that is not told is seen, and attention is the paper's."""

import pytest
import torch

from podium.contracts import END
from podium.layers.decoder import Attention
from podium.layers.recurrent_stack import filled_to
from podium.layers.writer import cut
from podium.networks import seq2seq as module
from podium.networks.seq2seq import Seq2Seq, turned_round

PADDED = torch.tensor([[3.0, 4, 5, 6], [5, 2, -1, -1], [4, 4, 2, -1]])
TARGET = torch.tensor([[2, 3, END], [4, END, -1], [END, -1, -1]])


def network(seed: int = 0, **changes: object) -> Seq2Seq:
    torch.manual_seed(seed)
    options: dict[str, object] = {
        "in_shape": [4],
        "num_classes": 7,
        "cell": "gru",
        "embedding": 6,
        "widths": [8, 8],
        "reverse": False,
        "bidirectional": False,
        "attention": False,
        "longest": 5,
        "dropout": 0.0,
        "forget_bias": None,
    }
    return Seq2Seq(**options | changes).eval()  # type: ignore[arg-type]


VARIANTS: list[dict[str, object]] = [
    {"cell": "rnn"},
    {"cell": "lstm", "forget_bias": 1.0},
    {"cell": "gru", "reverse": True},
    {"cell": "gru_reset_first", "attention": True},
    {"cell": "lstm", "forget_bias": 0.0, "bidirectional": True, "attention": True, "reverse": True},
]
NAMES = ["rnn", "lstm", "gru reversed", "gru with attention", "lstm with everything"]


def one_by_one(made: Seq2Seq, *, beams: int | None = None) -> list[torch.Tensor]:
    """What each sequence gives alone, without what fills it up."""
    alone = [row[row >= 0][None] for row in PADDED]
    if beams is not None:
        return [made.search(row, beams=beams)[0][0] for row in alone]
    return [made(row, target[None])[0] for row, target in zip(alone, TARGET, strict=True)]


@pytest.mark.parametrize("changes", VARIANTS, ids=NAMES)
@torch.no_grad()
def test_a_padded_batch_gives_what_its_sequences_give_one_by_one(changes: dict[str, object]) -> None:
    made = network(**changes)
    torch.testing.assert_close(made(PADDED, TARGET), torch.stack(one_by_one(made)))
    for beams in (1, 3):
        assert torch.equal(made.search(PADDED, beams=beams)[0], torch.stack(one_by_one(made, beams=beams)))


@torch.no_grad()
def test_it_would_not_without_the_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    made = network(attention=True)
    wanted = torch.stack(one_by_one(made))
    monkeypatch.setattr(module, "filled_to", lambda input: None)
    assert not torch.allclose(made(PADDED, TARGET), wanted)


@pytest.mark.parametrize("changes", VARIANTS, ids=NAMES)
@torch.no_grad()
def test_a_beam_of_one_is_greedy_and_a_wider_one_likelier_in_total(changes: dict[str, object]) -> None:
    made = network(**changes)
    written, one = made.search(PADDED, beams=1)
    assert torch.equal(written, cut(made(PADDED).argmax(1)))
    assert (made.search(PADDED, beams=7)[1].sum() >= one.sum() - 1e-5).item()


@torch.no_grad()
def test_greedy_writing_is_teacher_forcing_with_what_was_written() -> None:
    made = network(attention=True)
    logits = made(PADDED)
    torch.testing.assert_close(made(PADDED, logits.argmax(1)), logits)


@torch.no_grad()
def test_a_place_sees_the_symbols_before_it_and_not_its_own() -> None:
    made = network()
    changed = TARGET.clone()
    changed[0, 1] = 6
    before, after = made(PADDED, TARGET)[0], made(PADDED, changed)[0]
    torch.testing.assert_close(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2], after[:, 2])


@torch.no_grad()
def test_reversed_input_is_the_same_network_on_the_sequence_turned_round() -> None:
    plain, reverse = network(), network(reverse=True)
    turned = turned_round(PADDED.long(), filled_to(PADDED))
    assert turned.tolist() == [[6, 5, 4, 3], [2, 5, -1, -1], [2, 4, 4, -1]]
    torch.testing.assert_close(reverse(PADDED, TARGET), plain(turned.float(), TARGET))
    assert turned_round(torch.tensor([[1, 2]]), None).tolist() == [[2, 1]]


@torch.no_grad()
def test_attention_is_the_equation_and_sees_no_filling() -> None:
    torch.manual_seed(0)
    attention = Attention(3)
    hidden, steps = torch.randn(1, 2, 3), torch.randn(1, 4, 3)
    found = attention(hidden, steps, torch.tensor([[True, True, True, False]]))
    for t in range(2):
        h = hidden[0, t]
        scores = torch.stack([h @ attention.score.weight @ m for m in steps[0, :3]])
        c = (scores.softmax(0)[:, None] * steps[0, :3]).sum(0)
        torch.testing.assert_close(found[0, t], torch.tanh(attention.join.weight @ torch.cat([c, h])))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"in_shape": [1, 28, 28]}, r"^seq2seq requires sequences of symbols, got samples of 1x28x28; use"),
        ({"widths": []}, r"^widths must be positive, got \[0\]; set network\.widths=\[128\]"),
        ({"widths": [7], "bidirectional": True}, r"^widths must be even .*, got \[7\]; set"),
        ({"embedding": 0}, r"^embedding must be positive, got \[0\]; set"),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1\.0"),
        ({"longest": 0}, r"^longest must be positive, got \[0\]; set network\.longest=30"),
        ({"cell": "lstm"}, r"^forget_bias must be a number for cell=lstm, got None"),
    ],
)
def test_what_it_cannot_be_made_of_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network(**changes)
