"""Articles with questions in the layout of SQuAD: Rajpurkar, Zhang, Lopyrev and Liang 2016, https://arxiv.org/abs/1606.05250.

    {"data": [{"title": ..., "paragraphs": [{"context": ..., "qas": [
        {"question": ..., "answers": [{"text": ..., "answer_start": ...}], "is_impossible": false}]}]}]}

``answer_start`` counts characters. What cannot be used is left out and counted: questions that their paragraph does not
answer (``is_impossible`` of SQuAD 2.0; Rajpurkar, Jia and Liang 2018, https://arxiv.org/abs/1806.03822), empty ones, and
answers that do not stand where they are said to.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LAYOUT = "mend it, or set data.root to a file in SQuAD's layout"
MARK = "\N{REPLACEMENT CHARACTER}"


class Question(NamedTuple):
    """A question, the number of the paragraph that answers it, and where each true answer begins and ends there."""

    text: str
    paragraph: int
    answers: list[tuple[int, int]]


@dataclass
class Reading:
    """Paragraphs with the titles of their articles, questions about them, and how much was left out for what reason.

    From ``test_start`` on questions are of the published test split; null where there is none.
    """

    paragraphs: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    test_start: int | None = None

    def add(self, content: Any, *, where: str) -> None:
        """Add the articles of a file.

        Raises:
            ValueError: the layout is another, with the place where it differs.
        """
        for article, at in _listed(content, "data", where):
            title = str(_text(article, "title", at))
            for paragraph, place in _listed(article, "paragraphs", at):
                self.paragraphs.append(self._readable(_text(paragraph, "context", place)))
                self.titles.append(title)
                for question, spot in _listed(paragraph, "qas", place):
                    self._ask(question, spot)

    def _ask(self, node: Any, where: str) -> None:
        text = self._readable(_text(node, "question", where))
        context = self.paragraphs[-1]
        given = _listed(node, "answers", where)
        if node.get("is_impossible") or not given:
            self.counts["questions are left out, which their paragraph does not answer"] += 1
            return
        answers = []
        for answer, at in given:
            words, start = self._readable(_text(answer, "text", at), count=False), answer.get("answer_start")
            if not isinstance(start, int) or isinstance(start, bool):
                raise ValueError(f"{at} must have a number answer_start, got {start!r}; {LAYOUT}")
            if words.strip() and start >= 0 and context.startswith(words, start):
                answers.append((start, start + len(words)))
            else:
                self.counts["answers are left out, which do not stand where they are said to"] += 1
        if not text.strip():
            self.counts["questions are left out, which are empty"] += 1
        elif not answers:
            self.counts["questions are left out, of which no answer is left"] += 1
        else:
            self.questions.append(Question(text, len(self.paragraphs) - 1, answers))

    def _readable(self, text: str, *, count: bool = True) -> str:
        """The text with a mark in place of each character that is none."""
        if not (broken := [character for character in text if "\ud800" <= character <= "\udfff"]):
            return text
        self.counts["texts are not in UTF-8, and read with a question mark in a diamond"] += count
        return text.translate({ord(character): MARK for character in broken})


def _listed(node: Any, key: str, where: str) -> Sequence[tuple[Any, str]]:
    """What a list holds, each with its place."""
    found = node.get(key) if isinstance(node, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise ValueError(f"{where} must have a list {key} of objects, got {_kind(found)}; {LAYOUT}")
    return [(each, f"{where}, {key} {number}") for number, each in enumerate(found, start=1)]


def _text(node: Mapping[str, Any], key: str, where: str) -> str:
    found = node.get(key)
    if not isinstance(found, str):
        raise ValueError(f"{where} must have a text {key}, got {_kind(found)}; {LAYOUT}")
    return found


def _kind(found: Any) -> str:
    return "none" if found is None else f"{type(found).__name__}"
