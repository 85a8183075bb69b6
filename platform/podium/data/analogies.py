"""Files of analogies in the layout of questions-words.txt (Mikolov, Chen, Corrado and Dean 2013,
https://arxiv.org/abs/1301.3781): four words a line, of which the first is to the second as the third to the fourth, below
lines ``: name`` that begin a section.
"""

from pathlib import Path

from podium.data.plain_text import read_text

Question = tuple[str, ...]


def read_analogies(file: Path) -> dict[str, list[Question]]:
    """The questions of each section, in the order of the file; those above the first section are of one without a name.

    Raises:
        ValueError: there is none, a line is no question, or the file is no UTF-8.
    """
    sections: dict[str, list[Question]] = {}
    name = ""
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        words = line.split()
        if line.startswith(":"):
            name = " ".join(line[1:].split())
        elif len(words) == 4:
            sections.setdefault(name, []).append(tuple(words))
        elif words:
            raise ValueError(
                f"{file} must have four words or ': section' in every line, got {line[:60]!r} in line {number}; correct it"
            )
    if not sections:
        raise ValueError(f"{file} must hold analogies, got none; choose another file")
    return sections
