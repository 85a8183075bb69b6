"""Questions in SQuAD's layout, written without the code under test."""

import json
import logging

import pytest
import torch
from hydra.errors import InstantiationException

from podium.metrics.span_reading import word_number

CONTEXT = "Beyoncé's sister, Ann-Lee, moved (in 1990–1995) to the U.S.; the “Old” town…"


def question(text, *answers, context=CONTEXT, **more):
    """A question whose answers are texts, or texts with their own start."""
    given = [answer if isinstance(answer, tuple) else (answer, context.index(answer)) for answer in answers]
    return {"question": text, "answers": [{"text": a, "answer_start": s} for a, s in given], **more}


def article(title, *questions, context=CONTEXT):
    return {"title": title, "paragraphs": [{"context": context, "qas": list(questions)}]}


def pages(count, start=0):
    """Articles of two paragraphs with a question each."""
    made = []
    for number in range(start, start + count):
        paragraphs = []
        for town in ("Rome", "Oslo"):
            context = f"Ann{number} lives in {town}."
            asked = question(f"Where does Ann{number} live?", town, context=context)
            paragraphs.append({"context": context, "qas": [asked]})
        made.append({"title": f"Ann{number}", "paragraphs": paragraphs})
    return made


@pytest.fixture
def squad(tmp_path, compose_data):
    """The data set of articles, by file; one file is the root itself."""

    def make(files, **changes):
        for name, content in files.items():
            whole = content if isinstance(content, bytes) else json.dumps({"data": content}).encode()
            (tmp_path / name).write_bytes(whole)
        root = tmp_path / next(iter(files)) if len(files) == 1 else tmp_path
        facts = {"shape": [40], "num_classes": 32, "words": {"number": 99}}
        facts |= {"split": {"test": 0.2}} if len(files) == 1 else {}
        return compose_data("squad", root=root, **facts | changes)

    return make


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Beyoncé", "Beyoncé"),
        ("Beyoncé's sister", "Beyoncé's sister"),
        ("Ann-Lee", "Ann-Lee"),
        ("Lee", "Lee"),
        ("1990", "1990"),
        ("(in 1990–1995)", "(in 1990–1995)"),
        ("U.S.", "U.S."),
        ("“Old” town…", "“Old” town…"),
        ("to the", "to the"),
    ],
)
def test_an_answer_is_found_by_its_characters_and_given_back_as_it_is_written(squad, text, words):
    data = squad({"a.json": [article("A", question("Who?", text))]})
    labels = data.load().labels
    assert data.answer(*labels[0, :3].tolist()) == words


def test_an_answer_inside_a_word_is_counted_and_learned_as_the_whole_word(squad, caplog):
    asked = [question("Who?", "sist"), question("When?", "990–19"), question("Who?", "sister")]
    data = squad({"a.json": [article("A", *asked)]})
    with caplog.at_level(logging.WARNING):
        labels = data.load().labels
    assert [data.answer(*row) for row in labels[:, :3].tolist()] == ["sister", "1990–1995", "sister"]
    assert "squad: 2 answers begin or end inside a word, and are learned as the whole word" in caplog.messages
    assert labels[0, 3:5].tolist() == [word_number("sist"), 0]  # what is true is what was said


def test_a_question_stands_before_its_paragraph_and_each_is_filled_up(squad):
    source = squad({"a.json": [article("A", question("Who moved?", "Ann", "Ann-Lee", "the U.S."))]}).load()
    assert source.inputs.shape == (1, 40)
    assert (source.inputs[0] >= 0).tolist() == [True] * 3 + [False] * 5 + [True] * 29 + [False] * 3
    words = {}
    for code, word in zip(
        source.inputs[0, 8:34].tolist(), ["beyoncé", "'", "s", "sister", ",", "ann", "-", "lee"], strict=False
    ):
        assert words.setdefault(word, code) == code
    true = [word_number("ann"), 0, word_number("annlee"), 0, word_number("us"), 0]
    assert source.labels.tolist() == [[0, 5, 5, *true]]


def test_true_answers_that_differ_in_nothing_that_counts_stand_once(squad):
    asked = question("Who?", "the U.S", "U.S.", "Ann")
    (label,) = squad({"a.json": [article("A", asked)]}).load().labels.tolist()
    assert label[3:] == [word_number("us"), 0, word_number("ann"), 0]


def test_what_a_network_chose_is_told_as_words_of_the_text(squad):
    data = squad({"a.json": [article("A", question("Who?", "Ann"), question("Where?", "the U.S."))]})
    data.load()
    spans = torch.tensor([[0, 3], [14, 21]])
    assert data.answer(1, 0, 3) == "Beyoncé's sister"
    found = data.answer_words(torch.tensor([0, 1]), spans, width=4)
    assert found[0].tolist() == [word_number("beyoncés"), word_number("sister"), -1, -1]
    assert found.shape == (2, 4)
    assert data.answer(0, 30, 31) == ""


def test_a_question_and_a_paragraph_of_ones_own_are_read_as_those_of_the_data(squad):
    data = squad({"a.json": pages(30)})
    part = data.examples("train")
    number = int(part.target[0, 0])
    paragraph = data._paragraphs[data._paragraph_of[number]]
    name = paragraph.split()[0]
    assert data.numbers(f"Where does {name} live?", paragraph).tolist() == part.input[:1].tolist()
    assert data.numbers("where does Zoe live ?", paragraph)[0, 2] == 0
    for asked, read, said in (
        (" ", paragraph, r"^the question must have from 1 to 8 words, got 0; shorten it"),
        ("who " * 9, paragraph, r"^the question must have from 1 to 8 words, got 9; shorten it"),
        ("who?", "", r"^the paragraph must have from 1 to 32 words, got 0; shorten it"),
        ("who?", "on " * 33, r"^the paragraph must have from 1 to 32 words, got 33; shorten it"),
    ):
        with pytest.raises(ValueError, match=said):
            data.numbers(asked, read)


def test_articles_stay_whole_in_every_split_and_words_are_those_of_training(squad, caplog):
    data = squad({"a.json": pages(30)}, words={"number": 200})
    with caplog.at_level(logging.INFO):
        parts = [data.examples(split) for split in ("train", "validation", "test")]
    articles = [{data._paragraph_of[n] // 2 for n in part.target[:, 0].tolist()} for part in parts]
    assert sum(map(len, articles)) == len(set.union(*articles)) == 30
    assert all(len(part) == 2 * len(of) for part, of in zip(parts, articles, strict=True))
    assert any("words are known, which are in the training split" in line for line in caplog.messages)
    known = len(data.vocabulary.codes)
    assert int(parts[0].input[parts[0].input >= 0].min()) == 1 <= known
    for part in parts[1:]:
        assert (part.input[part.target[:, 1:2].squeeze(1) >= 0] == 0).sum() >= 2 * len(
            part
        )  # Ann and her number


def test_train_and_dev_are_the_published_splits(squad):
    data = squad({"train-v1.1.json": pages(10), "dev-v1.1.json": pages(4, 10)})
    assert data.load().test_start == 20
    assert len(data.examples("test")) == 8
    one = squad({"train-v1.1.json": pages(10), "dev-v1.1.json": [*pages(1, 10), article("A")]})
    assert (one.load().test_start, len(one.load().labels)) == (20, 22)


def test_what_is_cut_out_of_place_empty_or_unanswered_is_counted_and_said(squad, caplog):
    broken = (
        json.dumps({"data": [article("A", question("Who b?", "Ann"))]}).replace("Who b", "Who BAD").encode()
    )
    train = [
        article("A", question("Who is the one that moved and to where did she move?", "Ann")),
        article("B", question("Where?", "the U.S."), question("Who?", ("Bob", 3), "Ann")),
        article(
            "C", question("Who?", ("Bob", 3)), question(" ", "Ann"), question("Who?", is_impossible=True)
        ),
    ]
    files = {"train.json": train, "dev.json": [article("D", question("Where?", "the U.S."))]}
    data = squad(files, shape=[18], num_classes=12, split={"test": None})
    with caplog.at_level(logging.WARNING):
        source = data.load()
    said = "\n".join(caplog.messages)
    assert (len(source.labels), source.test_start) == (3, 2)
    assert source.labels[2, 1:3].tolist() == [-1, -1]
    for line in (
        "4 of 4 paragraphs are longer than 12 places and cut there",
        "1 of 3 questions are longer than 6 places and cut there",
        "1 questions are left out, whose answer stands where their paragraph is cut off",
        "1 questions for testing cannot be answered, as their paragraph is cut off before",
        "2 answers are left out, which do not stand where they are said to",
        "1 questions are left out, of which no answer is left",
        "1 questions are left out, which are empty",
        "1 questions are left out, which their paragraph does not answer",
    ):
        assert f"squad: {line}" in said
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        squad({"broken.json": broken.replace(b"BAD", b"\xff\xfe")}).load()
    assert caplog.messages == ["squad: 1 texts are not in UTF-8, and read with a question mark in a diamond"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"{",
            r"a\.json must be JSON, got Expecting property name.* in line 1; download it again from https://raj",
        ),
        (b"[]", r"a\.json must have a list data of objects, got none; mend it, or set data\.root"),
        ([{"title": "A"}], r"a\.json, data 1 must have a list paragraphs of objects, got none"),
        ([{"title": 3, "paragraphs": []}], r"a\.json, data 1 must have a text title, got int"),
        ([article("A", {"question": "Who?"})], r"data 1, paragraphs 1, qas 1 must have a list answers of"),
        (
            [article("A", question("Who?", ("Ann", "5")))],
            r"qas 1, answers 1 must have a number answer_start, got '5'",
        ),
        ([article("A")], r"must hold questions with answers, got none; set data\.root to others"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(squad, content, said):
    with pytest.raises(ValueError, match=said) as error:
        squad({"a.json": content}).load()
    assert "\n" not in str(error.value)


def test_missing_files_and_options_without_meaning_are_refused_in_one_line(squad, tmp_path, compose_data):
    missing = r"must hold train-v1\.1\.json and dev-v1\.1\.json, got no train\*\.json; put both from https://"
    with pytest.raises(ValueError, match=missing):
        compose_data("squad", root=tmp_path).load()
    with pytest.raises(ValueError, match=r"got no dev\*\.json"):
        squad({"train-v1.1.json": pages(2), "other.json": pages(2)}).load()
    with pytest.raises(
        ValueError, match=r"one file for each split, got train-v1\.1\.json and train-v2\.0\.json"
    ):
        squad({"train-v1.1.json": pages(2), "train-v2.0.json": pages(2)}).load()
    with pytest.raises(
        InstantiationException, match=r"words\.unit must be words where answers are, got characters"
    ):
        squad({"a.json": pages(2)}, words={"number": 9, "unit": "characters"})
    with pytest.raises(
        ValueError, match=r"shape must be the places of a question .*, got \[32\] and 32; set"
    ):
        squad({"a.json": pages(2)}, shape=[32]).load()


def test_letters_are_made_small_only_if_so_asked(squad):
    files = {"a.json": [article("A", question("the The?", "Ann"))]}
    small, large = (squad(files, words={"number": 9, "lowercase": on}).load() for on in (True, False))
    assert small.inputs[0, 0] == small.inputs[0, 1]
    assert large.inputs[0, 0] != large.inputs[0, 1]
