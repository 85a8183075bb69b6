import logging
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from podium.data.noise_words import Noise
from podium.data.word_pairs import Pairs, blocks_of, drawn_pairs

PLAIN = {"window": 5, "min_count": 1, "subsample": None, "noise_power": 0.75, "seed": 0}
DRAW = np.random.RandomState(0)
WORDS = [f"w{number}" for number in range(30)]
SHARES = np.arange(30, 0, -1) ** 2 / (np.arange(31) ** 2).sum()
STORY = [WORDS[place] for place in DRAW.choice(30, size=3000, p=SHARES)]


@pytest.fixture
def skip_grams(tmp_path, compose_data):
    def make(text, /, *, name="mine.txt", pairs=None, **changes):
        (tmp_path / name).write_text(" ".join(text), encoding="utf-8")
        return compose_data("skip_grams", root=tmp_path, **{"pairs": PLAIN | (pairs or {})} | changes)

    return make


def whole(data, split):
    return data.examples(split).batch(slice(None))


def test_with_a_window_of_one_every_two_neighbours_are_a_pair_in_both_directions():
    blocks = blocks_of([250, 130])
    centre, context = drawn_pairs(blocks, Pairs(**PLAIN | {"window": 1}))
    inside = [(one, two) for one, two in pairwise(range(380)) if blocks[one] == blocks[two]]
    assert list(zip(centre.tolist(), context.tolist(), strict=True)) == sorted(
        [*inside, *((two, one) for one, two in inside)]
    )


def test_a_window_of_five_reaches_as_far_as_often_as_the_papers():
    blocks = np.zeros(20_000, dtype=np.int64)
    centre, context = drawn_pairs(blocks, Pairs(**PLAIN))
    apart = Counter((context - centre).tolist())
    assert set(apart) == {*range(-5, 0), *range(1, 6)}
    for offset, count in apart.items():
        assert count / 20_000 == pytest.approx((6 - abs(offset)) / 5, abs=0.02)
    assert np.array_equal(centre, np.sort(centre))
    other, _ = drawn_pairs(blocks, Pairs(**PLAIN | {"seed": 1}))
    assert len(other) != len(centre)


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_texts_shorter_than_a_window_have_the_pairs_that_they_have(length):
    centre, context = drawn_pairs(blocks_of([length]), Pairs(**PLAIN))
    assert len(centre) >= 2 * max(0, min(length, 2) - 1)
    assert set(centre.tolist()) | set(context.tolist()) <= set(range(length))


def test_no_pair_reaches_from_one_split_or_text_to_another(skip_grams, tmp_path):
    (tmp_path / "other.txt").write_text(" ".join(STORY[:700]), encoding="utf-8")
    data = skip_grams(STORY)
    source = data.load()
    read = {}
    for split in ("train", "validation", "test"):
        rows = data.examples(split).index.numpy()
        read[split] = {*source.inputs.centre[rows].tolist(), *source.inputs.context[rows].tolist()}
    assert not read["train"] & read["validation"]
    assert not (read["train"] | read["validation"]) & read["test"]
    assert set().union(*read.values()) == set(range(3700))
    first = (source.inputs.centre < 3000) == (source.inputs.context < 3000)
    assert first.all()
    loose, other = drawn_pairs(np.zeros(3700, dtype=np.int64), Pairs(**PLAIN))
    assert not ((loose < 3000) == (other < 3000)).all()  # without blocks some would


def test_an_input_is_a_word_one_from_its_window_and_noise_and_the_target_says_which_is_true(skip_grams):
    data = skip_grams(STORY)
    input, target = whole(data, "test")
    assert input.shape[1] == 7
    assert target.tolist() == [[1, 0, 0, 0, 0, 0]] * len(input)
    source, rows = data.load(), data.examples("test").index.numpy()
    for column, places in ((0, source.inputs.centre), (1, source.inputs.context)):
        read = [data.known[data.vocabulary.codes[number - 1]] for number in input[:, column].int().tolist()]
        assert read == [STORY[place] for place in places[rows]]


def test_signs_are_no_words_and_texts_without_a_word_have_no_part(skip_grams, tmp_path, caplog):
    (tmp_path / "signs.txt").write_text("-- ?! --", encoding="utf-8")
    with caplog.at_level(logging.INFO):
        data = skip_grams(["One,", "two;", "«Don't»", "one"] * 60)
        data.load()
    assert data.known == ["don't", "one", "two"]
    assert "skip_grams: 240 words are read; 246 signs between them are left out" in caplog.messages


def test_rare_words_are_left_out_counted_and_said(skip_grams, caplog):
    text = STORY[:2900] + ["seldom"] * 3 + STORY[2900:]
    with caplog.at_level(logging.INFO):
        data = skip_grams(text, pairs={"min_count": 40})
        batches = [whole(data, split) for split in ("train", "validation", "test")]
    centres = data.load().inputs.centre
    everything = data.split.divide(data.load(), run_seed=0)
    training = Counter(text[place] for place in np.unique(centres[everything.train]).tolist())
    frequent = {word for word, count in training.items() if count >= 40}
    assert 5 < len(frequent) < 30
    assert {data.known[code] for code in data.vocabulary.codes} == frequent
    assert all((batch.input >= 1).all() and (batch.input <= len(frequent)).all() for batch in batches)
    rare = sum(word not in frequent for word in text)
    assert rare > 50
    said = "\n".join(caplog.messages)
    assert f"{len(frequent)} words are known, which are 40 times or more in the training split; " in said
    assert (
        f"of 3,003 places in the text {rare:,} hold others and are left out, and subsampling leaves out 0"
        in said
    )
    kept = sum(len(batch.input) for batch in batches)
    assert f"{kept:,} of {len(centres):,} pairs are of words that are kept" in said


def test_the_vocabulary_and_the_counts_are_those_of_the_training_split_alone(skip_grams):
    plain = skip_grams(STORY)
    place = int(plain.load().inputs.centre[plain.examples("test").index[5]])
    strange = skip_grams([*STORY[:place], "snowman", *STORY[place + 1 :]])
    assert np.array_equal(whole(strange, "train").input, whole(plain, "train").input)
    assert "snowman" in strange.known
    assert strange.known.index("snowman") not in strange.vocabulary.codes
    assert len(whole(strange, "test").input) < len(whole(plain, "test").input)


def test_words_without_room_are_said_with_the_number_to_set(skip_grams, caplog):
    data = skip_grams(STORY, words={"number": 21})
    data.fingerprint()
    assert len(data.vocabulary.codes) == 20
    assert (
        "9 words are frequent enough and have no room; set data.words.number=30 to keep them" in caplog.text
    )
    caplog.clear()
    skip_grams(STORY, words={"number": 30}).fingerprint()
    assert "no room" not in caplog.text


def test_frequent_words_are_left_out_as_often_as_the_formula_says(skip_grams):
    words = [WORDS[place] for place in np.random.RandomState(1).choice(30, size=60_000, p=SHARES)]
    data = skip_grams(words, pairs={"subsample": 0.005})
    data.fingerprint()
    counts = Counter(words)
    kept = Counter(word for word, stays in zip(words, data._kept, strict=True) if stays)
    for word in ("w0", "w5", "w15", "w29"):
        share = counts[word] / 60_000
        assert kept[word] / counts[word] == pytest.approx(min(1, (0.005 / share) ** 0.5), abs=0.03)
    assert kept["w29"] == counts["w29"]
    every = skip_grams(words)
    every.fingerprint()
    assert every._kept.all()


def test_noise_is_drawn_by_counts_to_the_power_and_is_never_the_true_word():
    counts = np.array([100, 40, 10, 1])
    everywhere = np.random.RandomState(9).random_sample(50_000)  # would hit each word
    for power in (0.75, 0.0, 1.0):
        weights = counts**power
        for true in (1, 3, 4):
            noise = Noise.of(counts, power=power).draw(np.full(50_000, true), 4, np.random.RandomState(true))
            wanted = weights * (np.arange(1, 5) != true)
            found = np.bincount(noise.ravel(), minlength=5)[1:] / noise.size
            assert found[true - 1] == 0
            assert (np.searchsorted(np.cumsum(weights) / weights.sum(), everywhere) == true - 1).any()
            assert np.abs(found - wanted / wanted.sum()).max() < 0.004


def test_noise_at_the_ends_of_the_line_is_a_word_too():
    class Ends:
        def __init__(self, value):
            self.value = value

        def random_sample(self, size):
            return np.full(size, self.value)

    noise = Noise.of(np.array([3, 1, 7]), power=0.75)
    for value, words in ((0.0, [2, 1, 1]), (1 - 2**-53, [3, 3, 2])):
        assert noise.draw(np.array([1, 2, 3]), 1, Ends(value))[:, 0].tolist() == words


def test_noise_of_training_is_drawn_anew_in_each_epoch_and_that_of_validation_is_not(skip_grams):
    data, other = skip_grams(STORY), skip_grams(STORY, seed=1)
    train = data.examples("train")
    first, second = (train.at(epoch).batch(slice(None)) for epoch in (0, 1))
    assert torch.equal(first.input[:, :2], second.input[:, :2])
    assert (first.input[:, 2:] != second.input[:, 2:]).double().mean() > 0.5
    assert torch.equal(first.input, train.at(0).batch(slice(None)).input)
    assert torch.equal(first.input, whole(data, "train").input)
    assert not torch.equal(first.input, other.examples("train").at(0).input)
    for split in ("validation", "test"):
        fixed = data.examples(split)
        assert torch.equal(fixed.at(0).batch(slice(None)).input, fixed.at(7).batch(slice(None)).input)
        assert torch.equal(whole(data, split).input, whole(other, split).input)
    assert not torch.equal(whole(data, "test").input[:50, 2:], whole(data, "validation").input[:50, 2:])


def test_an_epoch_that_is_resumed_has_the_noise_that_it_had(skip_grams):
    def batches(*, resume=None):
        loader = skip_grams(STORY).train_dataloader()
        if resume:
            loader.resume_at(**resume)
        loader.set_epoch(3)
        return [batch.input for batch in loader]

    every, rest = batches(), batches(resume={"epoch": 3, "batch": 20})
    assert len(rest) == len(every) - 20
    assert all(torch.equal(one, two) for one, two in zip(every[20:], rest, strict=True))


def test_other_pairs_are_other_content(skip_grams):
    contents = {
        skip_grams(STORY, pairs=pairs).fingerprint().content for pairs in ({}, {"window": 4}, {"seed": 1})
    }
    assert len(contents) == 3
    assert skip_grams(STORY).fingerprint().content in contents


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ({"window": 0}, r"window must be at least 1, got 0; set data\.pairs\.window=5"),
        ({"min_count": 0}, r"min_count must be at least 1, got 0"),
        ({"subsample": 0.0}, r"subsample must be null or in \(0, 1\], got 0\.0"),
        ({"subsample": 1.5}, r"subsample must be null or in \(0, 1\], got 1\.5"),
        ({"noise_power": -0.5}, r"noise_power must be in \[0, 1\], got -0\.5; 0\.75 is the paper's"),
        ({"noise_power": 1.5}, r"noise_power must be in \[0, 1\], got 1\.5"),
        ({"seed": -1}, r"seed must be in \[0, 2\*\*32\), got -1"),
    ],
)
def test_numbers_out_of_their_range_are_refused(pairs, said):
    with pytest.raises(ValueError, match=said) as error:
        Pairs(**PLAIN | pairs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shape": [12]}, r"got \[12\] and 6; set data\.shape=\[7\] data\.num_classes=6 for 5"),
        ({"num_classes": 11}, r"got \[7\] and 11; set data\.shape=\[12\] data\.num_classes=11 for 10"),
        (
            {"shape": [2], "num_classes": 1},
            r"got \[2\] and 1; set data\.shape=\[3\] data\.num_classes=2 for 1",
        ),
        ({"words": {"unit": "characters"}}, r"words\.unit must be words, got characters; set data\.words"),
        ({"view": {"standardize": "pixel"}}, r"view\.standardize must be none for symbols"),
        (
            {"pairs": {"min_count": 10_000}},
            r"must hold two words that are 10000 times in the training split, got 0",
        ),
        (
            {"pairs": {"min_count": 150}, "split": {"test": 0.01, "seed": 3}},
            r"for test, got 0; lower data\.pairs\.min_count",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_one_line(skip_grams, changes, said):
    words = STORY if "split" not in changes else [*STORY, *(f"own{number}" for number in range(4000))]
    with pytest.raises(Exception, match=said) as error:
        skip_grams(words, **changes).fingerprint()
    assert "\n" not in str(error.value.__cause__ or error.value)


def test_a_text_without_two_words_is_refused(skip_grams):
    with pytest.raises(
        ValueError, match=r"must hold pairs of words, got none; set data\.root to a longer text"
    ):
        skip_grams(["alone", "!"]).load()
