import logging

import numpy as np
import pytest
import torch

from podium.data.vocabulary import NOTHING, UNKNOWN
from podium.data.words import Words, spans, word_codes

SMALL = {"shape": [6], "words": {"number": 50}}


@pytest.fixture
def texts(tmp_path, compose_data):
    """The data set of files that are given by name and content."""

    def make(files, *, root=".", **changes):
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return compose_data("labelled_text", root=tmp_path / root, **SMALL | changes)

    return make


def folders(**kinds):
    """Ten files of each class, of these words with a number."""
    return {f"{kind}/{n}.txt": f"{word} {n}" for kind, word in kinds.items() for n in range(10)}


def read(data, split="train"):
    """Every text of a split as words, with its class."""
    source = data.load()
    _, known = word_codes([data.words.of(t) for t in ALL])
    inputs, labels = data.examples(split).batch(slice(None))
    numbers = {number + 1: known[code] for number, code in enumerate(data.vocabulary.codes)}
    words = [[numbers.get(int(n), "?") for n in row if n != NOTHING] for row in inputs]
    assert len(source.labels) == sum(len(data.examples(s)) for s in ("train", "validation", "test"))
    return [(" ".join(row), data.class_names[label]) for row, label in zip(words, labels, strict=True)]


ALL = [f"{word} {n}" for word in ("good", "bad") for n in range(10)]


def test_folders_of_classes_are_read_and_the_words_come_back_with_their_class(texts):
    data = texts(folders(neg="bad", pos="good"))
    found = read(data)
    assert data.class_names == ["neg", "pos"]
    assert all((kind == "pos") == text.startswith("good") for text, kind in found)
    assert {len(data.examples(split)) for split in ("train", "validation", "test")} == {14, 2, 4}
    assert any("?" not in text for text, _ in found)


def test_train_and_test_folders_are_the_published_splits_and_a_class_can_be_left_out(texts, caplog):
    files = {
        f"{split}/{name}": text for split in ("train", "test") for name, text in folders(n="b", p="g").items()
    }
    files |= {"train/unsup/1.txt": "no class"}
    with pytest.raises(ValueError, match=r"num_classes must be 3, .* got 2; set data\.num_classes=3"):
        texts(files, split={"test": None}).load()
    data = texts(files, split={"test": None}, columns={"leave_out": ["unsup"]})
    with caplog.at_level(logging.INFO):
        assert data.load().test_start == 20
    assert "1 texts of unsup are left out, as data.columns.leave_out says" in caplog.text
    assert data.examples("test").index.tolist() == list(range(20, 40))


ROWS = [("0", "good, film"), ("1", 'a "bad" one'), ("0", "two\nlines")] * 8
CSV = "id,label,text\n" + "".join(
    f'{k},{c},"{t.replace(chr(34), 2 * chr(34))}"\n' for k, (c, t) in enumerate(ROWS)
)
TSV = "label\ttext\n" + "".join(f"{c}\t{' '.join(t.split())}\n" for c, t in ROWS)
JSON = "".join(
    f'{{"text": "{" ".join(t.split())}", "label": {c}}}\n'.replace('"bad"', '\\"bad\\"') for c, t in ROWS
)


@pytest.mark.parametrize(("name", "content"), [("a.csv", CSV), ("a.tsv", TSV), ("a.jsonl", JSON)])
def test_tables_say_the_same_in_every_form_and_in_published_splits(texts, name, content):
    one = texts({name: content}, root=name).load()
    both = texts(
        {name.replace("a.", "train."): content, name.replace("a.", "test."): content}, split={"test": None}
    )
    assert both.load().test_start == len(ROWS)
    assert both.load().inputs.shape == (2 * len(ROWS), 6)
    words = texts({"b.csv": CSV}, root="b.csv").load()
    assert np.array_equal(one.inputs, words.inputs)
    assert np.array_equal(one.labels, [int(label) for label, _ in ROWS])


def test_the_vocabulary_is_that_of_the_training_split_alone(texts):
    files = folders(neg="bad", pos="good")
    test = texts(files).examples("test").index[0]
    name = sorted(files)[test]
    data = texts(files | {name: "strange"})
    inputs, _ = data.examples("test").batch(slice(None))
    assert inputs[0].tolist() == [UNKNOWN, *[NOTHING] * 5]
    known = word_codes([["strange"], *(text.split() for text in files.values() if text != files[name])])[1]
    assert "strange" not in [known[code] for code in data.vocabulary.codes]
    assert torch.equal(data.examples("train").index, texts(files).examples("train").index)


def test_only_the_most_frequent_words_are_known_and_the_others_are_counted(texts, caplog):
    data = texts(folders(neg="bad", pos="good"), words={"number": 3})
    with caplog.at_level(logging.INFO):
        data.fingerprint()
    assert "labelled_text: 2 words are known, which are in the training split; 20 of 40 places" in caplog.text


def test_what_cannot_be_used_is_left_out_counted_and_said(texts, caplog):
    table = CSV.encode() + b'x,1,"caf\xe9"\nx,1,""\nx,,"no class"\nx,1\nx,1,a,b\n'
    assert len(texts({"a.csv": table}, root="a.csv").load().labels) == len(ROWS)
    last = CSV.count("\n")
    for reason, line, number in (
        ("not in UTF-8", 1, 1),
        ("without text", 2, 1),
        ("without a class", 3, 1),
        ("no row of text and class", 4, 2),
    ):
        assert f"{number} texts are {reason} and left out, the first in" in caplog.text
        assert f"a.csv, line {last + line}" in caplog.text
    caplog.clear()
    lines = JSON.encode() + b'{"text": 3, "label": 1}\n[1]\n{bad\n{"text": "x"}\n\n'
    assert len(texts({"a.jsonl": lines}, root="a.jsonl").load().labels) == len(ROWS) + 1
    assert "2 texts are no row of text and class" in caplog.text
    assert "1 texts are without a class" in caplog.text


def test_empty_files_other_files_and_long_texts_are_said(texts, caplog):
    files = folders(neg="bad", pos="good") | {"neg/e.txt": " \n", "neg/x.md": "x", "pos/l.txt": "w " * 8}
    assert len(texts(files).load().labels) == 21
    assert "1 texts are without text and left out" in caplog.text
    assert "1 files below" in caplog.text
    assert (
        "1 of 21 texts are longer than 6 places and cut there, which loses 4.2 % of all places" in caplog.text
    )


@pytest.mark.parametrize(
    ("files", "root", "said"),
    [
        ({}, ".", r"must be a file of \.csv, \.tsv, \.jsonl, a folder with .*, got neither; set data\.root"),
        ({"a.csv": "id,text\n"}, "a.csv", r"must have the column label, got id, text; set data\.columns"),
        ({"a.csv": ""}, "a.csv", r"must have the column text, got an empty file; set"),
        ({"a.csv": "text,label\n"}, "a.csv", r"must hold texts with a class, got none; set data\.root"),
        ({"pos/a.txt": ""}, ".", r"must hold texts with a class, got none"),
    ],
)
def test_a_root_without_texts_is_refused_in_one_line(texts, files, root, said):
    with pytest.raises(ValueError, match=said) as error:
        texts(files, root=root).load()
    assert "\n" not in str(error.value)


def test_options_without_meaning_are_refused(texts):
    files = folders(neg="bad", pos="good")
    for changes, said in (
        ({"view": {"permute_seed": 1}}, r"view\.permute_seed must be null for symbols, got 1; leave it out"),
        ({"view": {"standardize": "pixel"}}, r"view\.standardize must be none for symbols, got pixel"),
        ({"shape": [1, 6]}, r"shape must be the length of a text, got \[1, 6\]; set"),
    ):
        with pytest.raises(ValueError, match=said):
            texts(files, **changes).load()
    for changes, said in (
        ({"unit": "letters"}, "unit must be words or"),
        ({"number": 1}, "number must be at"),
    ):
        with pytest.raises(ValueError, match=said):
            Words(**{"number": 9, "unit": "words", "lowercase": True} | changes)


def test_symbols_are_words_and_signs_or_characters_in_small_letters_if_so_asked():
    text = "Don't  stop: it’s 3.5\n"
    words = Words(number=9, unit="words", lowercase=True)
    assert words.of(text) == ["don't", "stop", ":", "it’s", "3", ".", "5"]
    assert "".join(Words(number=9, unit="characters", lowercase=False).of(text)) == "Don't stop: it’s 3.5"
    apart = ["Don", "'", "t", "stop", ":", "it", "’", "s", "3", ".", "5"]
    assert [text[start:end] for start, end in spans(text)] == apart
