import re

import pytest

from podium.data.facts_spans import PEOPLE


@pytest.fixture(scope="module")
def questions():
    from podium.data.facts_spans import FactsSpans

    reading = FactsSpans.read(None)
    assert reading.test_start == 5000
    return [
        (reading.paragraphs[asked.paragraph], asked.text, *asked.answers[0]) for asked in reading.questions
    ]


def test_every_answer_follows_from_the_facts_of_its_paragraph(questions):
    assert len(questions) == 6000
    for context, text, begin, end in questions:
        facts = [fact.strip() for fact in context.split(" .")][:-1]
        lives = dict(fact.split(" lives in ") for fact in facts if " lives in " in fact)
        owns = dict(fact.split(" has ") for fact in facts if " has " in fact)
        assert len(lives) == len(owns) == PEOPLE
        if found := re.fullmatch(r"where does (\w+) live \?", text):
            true = lives[found[1]]
        elif found := re.fullmatch(r"what does (\w+) have \?", text):
            true = owns[found[1]]
        elif found := re.fullmatch(r"where does the owner of (.+) live \?", text):
            true = lives[next(name for name, what in owns.items() if what == found[1])]
        elif found := re.fullmatch(r"who lives in (.+) \?", text):
            true = next(name for name, town in lives.items() if town == found[1])
        else:
            true = next(name for name, what in owns.items() if text == f"who has {what} ?")
        assert context[begin:end] == true
        fact = context[context.rfind(" .", 0, begin) + 1 : context.index(" .", begin)]
        assert re.search(r"\b\w+ (lives in|has) ", fact)


def test_no_paragraph_is_asked_about_in_two_splits(questions):
    training, test = ({context for context, *_ in part} for part in (questions[:5000], questions[5000:]))
    assert (len(training), len(test)) == (1000, 200)
    assert not training & test


def test_a_place_of_the_paragraph_is_right_no_more_often_than_another(questions):
    shares = [0.0] * 8
    for context, _, begin, _ in questions:
        shares[context[:begin].count(" .")] += 1 / len(questions)
    assert all(abs(share - 1 / 8) < 0.02 for share in shares)
