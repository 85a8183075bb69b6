"""Questions about who lives where and who has what, after the tasks of Weston et al. 2015, Towards AI-complete question
answering, https://arxiv.org/abs/1502.05698.

Differs from the paper: answers are spans, and every fact stands by itself. A paragraph says of four people where they live
and what they have, in any order: "mary has 3 apples . john lives in new york . ..." Five questions are asked about it, each
of another kind and about a person by chance; one of them joins two facts: "where does the owner of 3 apples live ?". Who
does not read the question does best to give a name or a town, which is right once in ten times. 1,000 + 200 paragraphs, no
two of them alike.
"""

from typing import Any

import numpy as np

from podium.data.articles import Reading
from podium.data.spans import SpanData
from podium.data.split import stream

NAMES = ["mary", "john", "anna", "paul", "emma", "carl", "lucy", "mark", "nina", "otto", "rosa", "hugo"]
TOWNS = [
    "rome",
    "paris",
    "new york",
    "oslo",
    "cape town",
    "lima",
    "cairo",
    "san jose",
    "delhi",
    "bonn",
    "hong kong",
    "bern",
]
THINGS = ["apples", "books", "dogs", "hats", "cars", "cups", "keys", "maps"]
MOST = 9  # of a thing, from 2 on
PEOPLE = 4  # of a paragraph
TRAINING, TEST = 1000, 200


class FactsSpans(SpanData):
    """5,000 + 1,000 questions about facts that are made up."""

    name = "facts_spans"
    remedy = "restore podium/data/facts_spans.py"

    def read(self) -> Reading:
        """Make the paragraphs and their questions, in the layout of SQuAD."""
        draw = stream(0, "facts_spans")
        seen: set[str] = set()
        articles: list[dict[str, Any]] = []
        while len(articles) < TRAINING + TEST:
            paragraph = _paragraph(draw)
            if paragraph["context"] not in seen:
                seen.add(paragraph["context"])
                articles.append({"title": f"{len(articles):04}", "paragraphs": [paragraph]})
        reading = Reading()
        reading.add({"data": articles[:TRAINING]}, where="facts")
        reading.test_start = len(reading.questions)
        reading.add({"data": articles[TRAINING:]}, where="facts")
        return reading


def _paragraph(draw: np.random.RandomState) -> dict[str, Any]:
    people, towns, things = (_drawn(draw, words) for words in (NAMES, TOWNS, THINGS))
    counts = [str(2 + int((MOST - 1) * value)) for value in draw.random_sample(PEOPLE)]
    owned = [f"{count} {thing}" for count, thing in zip(counts, things, strict=True)]
    facts = [f"{name} lives in {town} ." for name, town in zip(people, towns, strict=True)]
    facts += [f"{name} has {what} ." for name, what in zip(people, owned, strict=True)]
    context = " ".join(facts[place] for place in np.argsort(draw.random_sample(len(facts)), kind="stable"))
    kinds = [
        ("where does {} live ?", people, towns, "{} lives in {} ."),
        ("what does {} have ?", people, owned, "{} has {} ."),
        ("who lives in {} ?", towns, people, "{1} lives in {0} ."),
        ("who has {} ?", owned, people, "{1} has {0} ."),
        ("where does the owner of {} live ?", owned, towns, "lives in {1} ."),
    ]
    chosen = (PEOPLE * draw.random_sample(len(kinds))).astype(int)
    asked = []
    for (question, about, answers, fact), one in zip(kinds, chosen.tolist(), strict=True):
        sentence = fact.format(about[one], answers[one])
        start = context.index(sentence) + sentence.index(answers[one])
        answer = {"text": answers[one], "answer_start": start}
        asked.append({"question": question.format(about[one]), "answers": [answer]})
    return {"context": context, "qas": asked}


def _drawn(draw: np.random.RandomState, words: list[str]) -> list[str]:
    """So many different words as there are people."""
    return [words[place] for place in np.argsort(draw.random_sample(len(words)), kind="stable")[:PEOPLE]]
