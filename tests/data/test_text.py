import logging

import numpy as np
import pytest
import torch

from podium.data.vocabulary import NOTHING, UNKNOWN, Vocabulary

VERSE = "".join(f"line {number} of a verse\n" for number in range(300))


@pytest.fixture
def text(tmp_path, compose_data):
    def make(content, *, name="mine.txt", **changes):
        if isinstance(content, str):
            content = content.encode()
        (tmp_path / name).write_bytes(content)
        return compose_data("text", root=tmp_path / name, **{"shape": [20], "num_classes": 60} | changes)

    return make


def whole(data):
    """All windows in the order of the source, as characters."""
    parts = [data.examples(split) for split in ("train", "validation", "test")]
    order = torch.cat([part.index for part in parts]).argsort()
    batches = [part.batch(slice(None)) for part in parts]
    return [torch.cat([batch[k] for batch in batches])[order].long() for k in (0, 1)]


def test_windows_read_one_after_the_other_are_the_text(text):
    data = text(VERSE + "end")
    inputs, targets = whole(data)
    assert inputs.shape[1] == 20
    numbers = torch.cat([inputs[0, :1], targets.flatten()])
    assert data.vocabulary.text(numbers[numbers != NOTHING].tolist()) == VERSE + "end"
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert torch.equal(inputs[1:, 0], targets[:-1, -1])
    filled = (targets == NOTHING).sum(1)
    assert not filled[:-1].any()
    assert filled[-1] == 20 - (len(VERSE) + 2) % 20


def test_the_vocabulary_is_that_of_the_training_split_alone(text):
    plain = text(VERSE)
    window = int(plain.examples("test").index[0])
    strange = VERSE[: 20 * window + 5] + "\N{SNOWMAN}" + VERSE[20 * window + 6 :]
    data = text(strange)
    _, target = data.examples("test").batch(slice(None))
    assert (target == UNKNOWN).sum() == 1
    assert np.array_equal(
        data.examples("train").batch(slice(None)).target, plain.examples("train").batch(slice(None)).target
    )
    assert ord("\N{SNOWMAN}") not in data.vocabulary.codes
    assert data.vocabulary.text([UNKNOWN]) == "\N{REPLACEMENT CHARACTER}"


def test_unknown_characters_are_counted_and_said(text, caplog):
    with caplog.at_level(logging.INFO):
        text(VERSE, num_classes=4).fingerprint()
    (said,) = [
        record.getMessage() for record in caplog.records if "characters are known" in record.getMessage()
    ]
    kept = {character for _, character in sorted((-VERSE.count(c), c) for c in set(VERSE))[:3]}
    unknown = sum(character not in kept for character in VERSE[1:])
    assert said.startswith("text: 3 characters are known")
    assert f"; {unknown:,} of {len(VERSE) - 1:,} places hold others" in said


def test_splits_are_of_windows_that_stand_together(text):
    test = text(VERSE * 20).examples("test").index
    assert len(test) > 300
    assert (test.diff() == 1).double().mean() > 0.9


def test_files_of_a_folder_do_not_run_into_each_other_and_empty_ones_are_said(tmp_path, compose_data, caplog):
    for name, content in (("b.txt", VERSE), ("a.txt", VERSE[::-1]), ("empty.txt", ""), ("other.md", "x")):
        (tmp_path / name).write_text(content, newline="")
    data = compose_data("text", root=tmp_path, shape=[20])
    source = data.load()
    assert "1 of 3 files are empty and left out" in caplog.text
    starts = [k for k, window in enumerate(source.inputs) if window[0] in (ord(VERSE[0]), ord(VERSE[-1]))]
    assert 0 in starts
    assert len(source.inputs) == 2 * -(-(len(VERSE) - 1) // 20)
    assert (
        len(set(source.groups[: len(source.inputs) // 2]) & set(source.groups[len(source.inputs) // 2 :]))
        == 0
    )


def test_marks_of_the_order_of_bytes_and_of_lines_are_no_characters(text):
    plain = text("a line\n" * 100)
    other = text(b"\xef\xbb\xbf" + b"a line\r\n" * 100)
    assert plain.fingerprint() == other.fingerprint()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"good\nb\xe9d\n", r"must be text in UTF-8, got the byte 0xe9 in line 2; convert it"),
        (b"", r"must hold text, got 1 empty files; set data\.root"),
    ],
    ids=["latin1", "empty"],
)
def test_text_that_cannot_be_used_is_refused_in_one_line(text, content, said):
    with pytest.raises(ValueError, match=said) as error:
        text(content).load()
    assert "\n" not in str(error.value)


def test_a_root_without_text_and_options_without_meaning_are_refused(text, tmp_path, compose_data):
    with pytest.raises(ValueError, match=r"must be a text file, or a folder with files \*\.txt, got none"):
        compose_data("text", root=tmp_path / "nowhere").load()
    with pytest.raises(ValueError, match=r"view\.standardize must be none for symbols, got pixel; leave"):
        text(VERSE, view={"standardize": "pixel"}).load()
    with pytest.raises(ValueError, match=r"shape must be the length of a window, got \[1, 20\]; set"):
        text(VERSE, shape=[1, 20]).load()


def test_a_vocabulary_keeps_the_most_frequent_and_ends_where_it_begins():
    codes = np.array([ord(character) for character in "banana"] + [NOTHING])
    kept = Vocabulary.of(codes, size=3)
    assert kept.text([1, 2, UNKNOWN]) == "an\N{REPLACEMENT CHARACTER}"
    assert kept.encode(codes).tolist() == [0, 1, 2, 1, 2, 1, NOTHING]
    assert (
        Vocabulary.of(codes, size=100).text(Vocabulary.of(codes, size=100).numbers("nab").tolist()) == "nab"
    )
