import logging

import numpy as np
import pytest
import torch

from podium.data.tags import as_iob2, broken, recognised
from podium.data.vocabulary import NOTHING

IOB2 = ["O", "B-PER", "I-PER", "B-PER", "O", "B-LOC", "I-PER", "O", "B-LOC", "B-PER"]
IOB1 = ["O", "I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-PER", "O", "I-LOC", "I-PER"]
BIOES = ["O", "B-PER", "E-PER", "S-PER", "O", "S-LOC", "S-PER", "O", "S-LOC", "S-PER"]
MEANT = ["O", "B-PER", "I-PER", "B-PER", "O", "B-LOC", "B-PER", "O", "B-LOC", "B-PER"]


@pytest.fixture
def conll(tmp_path, compose_data):
    """The data set of files that are given by name and content."""

    def make(files, **changes):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        root = tmp_path / next(iter(files)) if len(files) == 1 else tmp_path
        return compose_data(
            "conll", root=root, **{"shape": [4], "num_classes": 5, "words": {"number": 99}} | changes
        )

    return make


def document(number):
    return (
        f"-DOCSTART- -X- O O\n\nAnn{number} NN B-PER\nsaw VB O\nNew NN B-LOC\nYork NN I-LOC\n\nshe PR O\n\n"
    )


def documents(count, start=0):
    return "".join(document(number) for number in range(start, start + count))


@pytest.mark.parametrize(("tags", "scheme"), [(IOB1, "iob1"), (BIOES, "bioes"), (MEANT, "iob2")])
def test_every_scheme_is_recognised_and_means_the_same(tags, scheme):
    assert recognised([tags]) == scheme
    assert broken([tags], scheme) == 0
    assert as_iob2(tags, scheme) == MEANT


def test_a_tag_that_its_scheme_does_not_allow_is_counted_and_begins_an_entity():
    assert recognised([IOB2]) == "iob2"
    assert broken([IOB2], "iob2") == 1
    assert as_iob2(IOB2, "iob2") == MEANT
    assert broken([["I-PER", "B-LOC"]], "iob1") == 1
    for tags, meant, wrong in (
        (["B-PER", "O"], ["B-PER", "O"], 1),
        (["B-PER"], ["B-PER"], 1),
        (["E-PER", "I-PER"], ["B-PER", "B-PER"], 2),
        (["S-PER", "E-PER"], ["B-PER", "B-PER"], 1),
        (["B-PER", "E-LOC"], ["B-PER", "B-LOC"], 1),
    ):
        assert as_iob2(tags, "bioes") == meant
        assert broken([tags], "bioes") == wrong


def test_words_and_tags_stand_side_by_side_and_are_filled_up_at_the_end(conll):
    source = conll({"a.txt": documents(3)}).load()
    assert source.labels.tolist() == [[3, 0, 1, 2], [0, -1, -1, -1]] * 3
    assert np.array_equal(source.inputs == NOTHING, source.labels == NOTHING)
    assert source.groups.tolist() == [0, 0, 1, 1, 2, 2]


def test_one_file_is_split_by_whole_documents_with_a_vocabulary_of_training(conll):
    data = conll({"a.txt": documents(30)})
    groups = {s: set(data.load().groups[data.examples(s).index]) for s in ("train", "validation", "test")}
    assert sum(map(len, groups.values())) == 30
    assert all(groups.values())
    names = data.examples("test").batch(slice(None)).input[:, 0]
    assert set(names[::2].tolist()) == {0.0}  # every name stands in one document alone
    assert 0.0 not in data.examples("train").batch(slice(None)).input


def test_without_marks_of_documents_every_sentence_stands_for_itself(conll):
    text = documents(5).replace("-DOCSTART- -X- O O\n\n", "")
    assert conll({"a.txt": text}).load().groups.tolist() == list(range(10))


def test_files_named_after_splits_are_the_published_ones_and_validation_joins_training(conll, caplog):
    files = {
        "eng.train": documents(9),
        "eng.testa": documents(2, 9),
        "eng.testb": documents(3, 11),
        "notes": "x",
    }
    data = conll(files, split={"test": None})
    assert data.load().test_start == 22
    assert "for validation in" in caplog.text
    assert data.examples("test").index.tolist() == list(range(22, 28))
    assert len(set(data.load().groups)) == 14
    for names in (("train.txt", "test.txt"), ("train.conll", "test.conll")):
        two = conll(dict(zip(names, (documents(9), documents(3)), strict=True)), split={"test": None})
        with pytest.raises(ValueError, match=r"must have one file for each split, got .* for t"):
            two.load()


def test_what_is_cut_left_out_wrongly_encoded_or_out_of_place_is_said(conll, caplog):
    text = documents(2).encode() + b"one O\ntwo\n\nsaw O\nhim O\nin O\ncaf\xe9 O\ntoday I-PER\n\nAnn I-PER\n"
    with caplog.at_level(logging.INFO):
        source = conll({"a.txt": text}).load()
    assert len(source.labels) == 6
    for said in (
        "1 sentences are left out, which have a line without a tag",
        "1 words are not in UTF-8, and read with a question mark",
        "tags are IOB2",
        "2 tags do not stand where IOB2 allows them",
        "1 of 6 sentences are longer than 4 places and cut there, which loses 6.2 % of all places",
    ):
        assert said in caplog.text


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("Ann N-PER\n", {}, r"a\.txt, line 1: tags must be O, B-TYPE, .*, got N-PER; mend it"),
        (documents(3), {"num_classes": 9}, r"num_classes must be 5 for the types LOC, PER in .*, got 9; set"),
        ("", {}, r"must hold sentences of words and tags, got none; set data\.root"),
        (documents(3), {"shape": [2, 4]}, r"shape must be the length of a sentence, got \[2, 4\]"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(conll, text, changes, said):
    with pytest.raises(ValueError, match=said) as error:
        conll({"a.txt": text}, **changes).load()
    assert "\n" not in str(error.value)


def test_options_that_mean_nothing_and_folders_without_training_are_refused(conll):
    with pytest.raises(ValueError, match=r"folder with files named after train and test, got neither"):
        conll({"a.txt": "x O", "b.txt": "x O"}).load()
    with pytest.raises(Exception, match=r"words\.unit must be words where every word has a tag"):
        conll({"a.txt": "x O"}, words={"number": 9, "unit": "characters"})
    with pytest.raises(Exception, match=r"scheme must be auto, iob1, iob2 or bioes, got bilou"):
        conll({"a.txt": "x O"}, tags={"scheme": "bilou"})


def test_letters_are_made_small_if_so_asked(conll):
    text = documents(20).replace("she", "She") + documents(20, 20)
    plain, small = (
        conll({"a.txt": text}, words={"number": 99, "lowercase": small}) for small in (False, True)
    )
    sizes = [len(torch.unique(data.examples("train").batch(slice(None)).input)) for data in (plain, small)]
    assert sizes[0] == sizes[1] + 1
