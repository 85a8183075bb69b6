"""Sequences that are written: what the loss counts, and what is right."""

from typing import Any

import numpy as np
import pytest
import torch
from rules import make_task
from torch.nn import functional as F
from torchmetrics.text import BLEUScore

from podium.contracts import Batch
from podium.layers.writer import cut
from podium.metrics.sequence_to_sequence import evaluate
from podium.metrics.translation import bleu
from podium.metrics.translation import evaluate as evaluate_translation
from podium.networks.char_rnn import CharRnn
from podium.networks.seq2seq import Seq2Seq
from podium.tasks.sequence_to_sequence import SequenceToSequence, right
from podium.tasks.translation import Translation
from podium.tricks.label_smoothing import LabelSmoothing

BATCH = Batch(torch.tensor([[3.0, 4, 5], [5, 2, -1]]), torch.tensor([[2, 3, 0, -1], [4, 0, -1, -1]]))
# right at all places; an unknown that is written; one symbol too few; one too many
LABEL = np.array([[2, 3, 0, -1], [2, 1, 0, -1], [2, 3, 4, 0], [2, 0, -1, -1]])
WRITTEN = np.array([[2, 3, 0, -1], [2, 1, 0, -1], [2, 3, 0, -1], [2, 5, 0, -1]])


def network(**changes: Any) -> Seq2Seq:
    torch.manual_seed(0)
    plain: dict[str, Any] = {
        "in_shape": [3],
        "num_classes": 6,
        "cell": "gru",
        "embedding": 4,
        "widths": [5],
        "reverse": False,
        "bidirectional": False,
        "attention": False,
        "longest": 4,
        "dropout": 0.0,
        "forget_bias": None,
    }
    return Seq2Seq(**plain | changes)


def test_the_loss_is_the_mean_over_places_that_count_behind_true_symbols() -> None:
    made = network()
    task = make_task(SequenceToSequence, made, num_classes=6, beams=1)
    logits = made(*BATCH).log_softmax(1)
    true = [(0, 0, 2), (0, 1, 3), (0, 2, 0), (1, 0, 4), (1, 1, 0)]
    by_hand = -sum(logits[row, symbol, place] for row, place, symbol in true).item() / 5
    assert task.training_step(BATCH, 0).item() == pytest.approx(by_hand, rel=1e-5)
    assert task.counted(BATCH.target) == 5
    flushed = task.flush()
    hits = sum(logits[row, :, place].argmax().item() == symbol for row, place, symbol in true)
    assert flushed == pytest.approx({"train/loss": by_hand, "train/forced_accuracy": hits / 5}, rel=1e-5)


def test_shares_of_right_places_and_of_right_sequences_are_those_counted_by_hand() -> None:
    found = evaluate({"label": LABEL, "written": WRITTEN})
    assert found == {"test/symbol_accuracy": 8 / 12, "test/sequence_accuracy": 1 / 4}
    hits = right(torch.from_numpy(WRITTEN), torch.from_numpy(LABEL))
    assert hits.sum(1).tolist() == [3, 2, 2, 1]
    short = evaluate({"label": LABEL, "written": WRITTEN[:, :2]})
    assert short["test/symbol_accuracy"] == 6 / 12
    assert right(torch.from_numpy(WRITTEN[:, :2]), torch.from_numpy(LABEL)).sum() == 6


def test_arrays_that_do_not_fit_are_refused() -> None:
    for arrays, said in (
        ({"label": LABEL}, "got none named written"),
        ({"label": LABEL, "written": WRITTEN[:2]}, r"got \(2, 4\) and \(4, 4\); pass"),
        ({"label": LABEL * 0 - 1, "written": WRITTEN}, "with symbols, got"),
    ):
        with pytest.raises(ValueError, match=said):
            evaluate(arrays)


@pytest.mark.parametrize("beams", [1, 3])
def test_what_is_kept_is_what_the_network_writes_by_itself(beams: int) -> None:
    made = network().eval()
    task = make_task(SequenceToSequence, made, num_classes=6, beams=beams)
    with torch.no_grad():
        answers = task.answers(made(BATCH.input), BATCH)
        wanted = cut(made(BATCH.input).argmax(1)) if beams == 1 else made.search(BATCH.input, beams=beams)[0]
    assert torch.equal(answers["written"], wanted)
    assert torch.equal(answers["label"], BATCH.target)


def text(row: list[int]) -> str:
    return " ".join(str(n) for n in row)


@pytest.mark.parametrize("seed", range(4))
def test_bleu_is_that_of_torchmetrics(seed: int) -> None:
    draw = np.random.RandomState(seed)
    true = [draw.randint(2, 9, draw.randint(3, 12)).tolist() for _ in range(20)]
    ours = [
        [n if draw.random_sample() < 0.8 else 2 for n in row][: draw.randint(2, len(row) + 1)] for row in true
    ]
    theirs = BLEUScore()([text(row) for row in ours], [[text(row)] for row in true]).item()
    assert 0.05 < theirs < 0.95
    assert bleu(ours, true) == pytest.approx(theirs, rel=1e-5)
    assert bleu(true, true) == 1.0
    assert bleu([[2, 3]], [[2, 3]]) == BLEUScore()(["2 3"], [["2 3"]]).item() == 0.0


def test_unknown_words_are_never_right_and_validation_says_what_the_test_would() -> None:
    draw = np.random.RandomState(0)
    label = np.full((30, 9), -1)
    written = np.full((30, 9), -1)
    for row in range(30):
        length = draw.randint(4, 9)
        label[row, :length] = draw.randint(1, 8, length)
        written[row, :length] = np.where(draw.random_sample(length) < 0.9, label[row, :length], 3)
        label[row, length], written[row, length] = 0, 0
    found = evaluate_translation({"label": label, "written": written})
    naive = bleu(
        [[n for n in row if n > 0] for row in written.tolist()],
        [[n for n in row if n > 0] for row in label.tolist()],
    )
    assert found["test/bleu"] < naive
    task = make_task(Translation, network(), num_classes=6, beams=1)
    task.on_validation_epoch_start()
    for part in (slice(0, 12), slice(12, None)):
        task.judge(torch.from_numpy(written[part]), torch.from_numpy(label[part]))
    said = {"bleu": task.bleu, "symbol_accuracy": task.symbols, "sequence_accuracy": task.sequences}
    assert {f"test/{k}": v.compute().item() for k, v in said.items()} == pytest.approx(found, rel=1e-5)


def test_networks_and_tricks_that_do_not_fit_and_empty_beams_are_refused() -> None:
    other = CharRnn(
        in_shape=[3],
        num_classes=6,
        cell="gru",
        embedding=4,
        widths=[4],
        tied=False,
        truncate=None,
        dropout=0.0,
        forget_bias=None,
    )
    with pytest.raises(ValueError, match=r"must write sequences, got CharRnn; choose network=seq2seq"):
        make_task(SequenceToSequence, other, num_classes=6, beams=1)
    with pytest.raises(ValueError, match=r"has no class probabilities to edit, got LabelSmoothing; leave"):
        make_task(SequenceToSequence, network(), LabelSmoothing(smoothing=0.1), num_classes=6, beams=1)
    for beams in (0, 7):
        with pytest.raises(ValueError, match=rf"beams must be from 1 to the 6 symbols, got {beams}; set"):
            make_task(SequenceToSequence, network(), num_classes=6, beams=beams)
    with pytest.raises(ValueError, match=r"must give logits of shape \(2, 6, longest\) for 2 samples"):
        SequenceToSequence.check_output(torch.zeros(2, 6), samples=2, num_classes=6, shape=(3,))


def toy(pairs: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A language in which the adjective stands behind its noun and the verb comes last."""
    draw = torch.Generator().manual_seed(seed)
    nouns, adjectives, verbs = (torch.randint(low, low + 6, (pairs, 2), generator=draw) for low in (2, 8, 14))
    source = torch.stack([adjectives[:, 0], nouns[:, 0], verbs[:, 0], adjectives[:, 1], nouns[:, 1]], 1)
    order = [1, 0, 4, 3, 2]
    ends = torch.zeros(pairs, 1, dtype=torch.long)
    return source.float(), torch.cat([source[:, order], ends], 1)


def test_attention_learns_to_translate_a_language_with_another_order() -> None:
    made = network(
        in_shape=[5], num_classes=20, embedding=16, widths=[32], bidirectional=True, attention=True, longest=6
    )
    source, target = toy(600, 0)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.02)
    for step in range(90):
        rows = slice(step * 50 % 600, step * 50 % 600 + 50)
        optimizer.zero_grad()
        F.cross_entropy(made(source[rows], target[rows]), target[rows]).backward()
        optimizer.step()
    made.eval()
    unseen, true = toy(100, 1)
    for beams in (1, 3):
        written, _ = made.search(unseen, beams=beams)
        found = evaluate_translation({"label": true.numpy(), "written": written.numpy()})
        assert found["test/bleu"] > 0.9
