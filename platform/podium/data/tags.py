"""How entities are marked by a tag for each token, and every way of it as one.

    IOB1   I-X inside an entity, B-X only where one of the same type directly follows another (Ramshaw and Marcus 1995)
    IOB2   B-X at the beginning of every entity, I-X behind (Tjong Kim Sang and Veenstra 1999)
    BIOES  B-X, I-X, E-X at the end, and S-X for an entity of one token

https://arxiv.org/abs/cmp-lg/9505040 and https://arxiv.org/abs/cs/9907006.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

Scheme = Literal["iob1", "iob2", "bioes"]
SCHEMES = ("iob1", "iob2", "bioes")
OUTSIDE = "O"
PREFIXES = {"iob1": "IB", "iob2": "IB", "bioes": "BIES"}


def parts(tag: str) -> tuple[str, str]:
    """Prefix and type: (B, PER) of B-PER, (O, nothing) of O.

    Raises:
        ValueError: it is no tag.
    """
    prefix, dash, kind = tag.partition("-")
    if tag != OUTSIDE and not (prefix in tuple("BIES") and dash and kind):
        raise ValueError(f"tags must be O, B-TYPE, I-TYPE, E-TYPE or S-TYPE, got {tag}")
    return prefix, kind


def recognised(sentences: Sequence[Sequence[str]]) -> Scheme:
    """The scheme of tags: BIOES by its letters, else that of IOB2 and IOB1 which fewer tags break."""
    if any(tag[0] in "ES" for tags in sentences for tag in tags):
        return "bioes"
    return "iob1" if broken(sentences, "iob1") < broken(sentences, "iob2") else "iob2"


def broken(sentences: Iterable[Sequence[str]], scheme: Scheme) -> int:
    """How many tags do not stand where their scheme allows them."""
    return sum(wrong for tags in sentences for _, wrong in _walk(tags, scheme))


def as_iob2(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """The same entities in IOB2. A tag that its scheme does not allow there begins an entity, or goes on with one."""
    return [tag for tag, _ in _walk(tags, scheme)]


def _walk(tags: Sequence[str], scheme: Scheme) -> Iterable[tuple[str, bool]]:
    """Every tag in IOB2, and whether it breaks the scheme."""
    open_, last = "", ""  # types: of the entity that may go on here, and of the tag before
    for place, tag in enumerate(tags):
        prefix, kind = parts(tag)
        if tag == OUTSIDE:
            yield OUTSIDE, scheme == "bioes" and _unfinished(tags, place)
            open_ = last = ""
            continue
        goes_on = prefix in "IE" and open_ == kind
        if scheme == "bioes":
            ended = prefix in "ES" or place + 1 < len(tags)
            wrong = (
                (prefix in "IE" and not goes_on) or (not goes_on and _unfinished(tags, place)) or not ended
            )
        elif scheme == "iob1":
            wrong = prefix == "B" and last != kind
        else:
            wrong = prefix == "I" and not goes_on
        yield f"{'I' if goes_on else 'B'}-{kind}", wrong
        open_, last = ("" if prefix in "ES" else kind), kind


def _unfinished(tags: Sequence[str], place: int) -> bool:
    """Whether the tag before is of an entity that still waits for its end."""
    return place > 0 and tags[place - 1][0] in "BI"
