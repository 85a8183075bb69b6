"""Pairs of sentences: what is read, what is left out and said, and vocabularies of the training split alone."""

import logging

import pytest
from hydra.errors import InstantiationException

from podium.data.sequences import before_the_end

PAIRS = [(f"the {n} red houses, n{n % 9}", f"les {n} maisons rouges, n{n % 9}") for n in range(200)]


@pytest.fixture
def pairs(tmp_path, compose_data):
    def make(content=None, **changes):
        if content is None:
            content = "".join(f"{a}\t{b}\n" for a, b in PAIRS)
        file = tmp_path / "pairs.tsv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        facts = {"root": str(file), "shape": [8], "longest": 9, "num_classes": 300}
        return compose_data("parallel_text", **facts | changes)

    return make


def sentences(data, split):
    """Both sides of a split as texts, from the numbers that networks get."""
    batch = data.examples(split).batch(slice(None))
    read = [" ".join(data.source.written(before_the_end(row))) for row in batch.input.long().tolist()]
    return list(zip(read, [data.text(row) for row in batch.target.tolist()], strict=True))


def spaced(text):
    return text.replace(",", " ,")


def test_numbers_are_the_words_of_both_sides_in_the_training_split(pairs):
    data = pairs()
    whole = {(spaced(a), spaced(b)) for a, b in PAIRS}
    train = sentences(data, "train")
    assert set(train) <= whole
    assert len(train) == len(set(train)) == 162
    assert (train[0][0].split()[0], train[0][1].split()[0]) == ("the", "les")


def test_vocabularies_are_those_of_the_training_split_alone(pairs):
    data = pairs()
    trained = {word for a, _ in sentences(data, "train") for word in a.split()}
    known = {data.source.symbols[code] for code in data.source.vocabulary.codes}
    assert known == trained
    test = sentences(data, "test")
    hidden = sum(side.count("\N{REPLACEMENT CHARACTER}") for side, _ in test)
    assert hidden == 20  # the number of each of its sentences is in no other


def test_unknown_words_are_counted_and_said(pairs, caplog):
    with caplog.at_level(logging.INFO):
        pairs().fingerprint()
    said = [r.getMessage() for r in caplog.records if "are known" in r.getMessage()]
    assert len(said) == 2
    assert said[0].startswith(
        "parallel_text: 175 words of the source are known, which are in the training split;"
    )
    assert said[0].endswith("; 38 of 1,200 places hold others")


def test_two_files_of_a_folder_are_the_same_pairs(pairs, tmp_path):
    folder = tmp_path / "two"
    folder.mkdir()
    for name, side in (("a.en", 0), ("b.fr", 1)):
        (folder / name).write_bytes("\r\n".join(pair[side] for pair in PAIRS).encode("utf-8-sig"))
    data = pairs(root=str(folder), files=["a.en", "b.fr"])
    assert data.fingerprint() == pairs().fingerprint()
    with pytest.raises(
        ValueError, match=r"source\.txt must be a file of sentences, got none; set data\.root"
    ):
        pairs(root=str(folder)).load()
    (folder / "a.en").write_bytes(b"one line\n")
    with pytest.raises(
        ValueError, match=r"a\.en and b\.fr must have as many lines, .*, got 1 and 200; align"
    ):
        pairs(root=str(folder), files=["a.en", "b.fr"]).load()


def test_lines_that_cannot_be_used_are_left_out_counted_and_said(pairs, caplog):
    good = "".join(f"{a}\t{b}\n" for a, b in PAIRS)
    bad = b"no tab\n\tempty\nempty\t \nb\xe9d\tline\n" + b"w " * 9 + b"\tlong\nlong\t" + b"w " * 9 + b"\n"
    data = pairs(bad + good.encode() + b"good\tbien\tby somebody\n")
    assert len(data.load().labels) == 201
    assert caplog.records[-1].getMessage() == (
        "parallel_text: 6 of 207 pairs are left out: 2 empty, 2 longer than 8 or 8 words, 1 no UTF-8, 1 without a tab"
    )
    with pytest.raises(
        ValueError, match=r"must hold pairs of sentences, got none of 6 lines that can be used"
    ):
        pairs(bad).load()


def test_translations_of_one_sentence_stand_in_one_split(pairs):
    data = pairs("".join(f"word{n % 60}\tmot{n}\n" for n in range(240)))
    sides = [{a for a, _ in sentences_raw(data, split)} for split in ("train", "validation", "test")]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 60


def sentences_raw(data, split):
    """Rows of the source, which vocabularies do not hide."""
    source = data.load()
    return [(float(source.inputs[row, 0]), row) for row in data.examples(split).index.tolist()]


def test_characters_are_symbols_too(pairs):
    data = pairs(symbols="characters", shape=[30], longest=31)
    _, b = sentences(data, "train")[0]
    assert b in {target for _, target in PAIRS}
    assert data.source.written(data.numbers("red  houses")) == list("red houses")
    assert data.numbers("r\N{SNOWMAN}d")[1] == 1


def test_the_most_frequent_words_are_kept_and_the_end_and_the_unknown_count(pairs):
    data = pairs(num_classes=5)
    data.examples("train")
    assert [data.target.symbols[code] for code in data.target.vocabulary.codes] == [",", "les", "maisons"]
    assert data.examples("train").batch(slice(None)).target.max() == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"symbols": "letters"}, r"symbols must be words or characters, got letters; set"),
        ({"shape": [3, 4]}, r"shape must be the most symbols of a sentence, got \[3, 4\]; set"),
        ({"num_classes": 2}, r"num_classes must be at least 3, got 2; set"),
        ({"files": ["one"]}, r"files must name two files, got \['one'\]; set"),
    ],
)
def test_options_that_have_no_meaning_are_refused(pairs, changes, said):
    with pytest.raises(InstantiationException, match=said):
        pairs(**changes)
