"""What an ablation is: which tricks of a configuration are left out or added, and the questions that this answers.

Every variation is the same configuration with some of its tricks; every question is a weighted sum of variations.

    worth in company of i  =  all - without i                 --leave-one-out
    worth alone of i       =  only i - none                   --add-one, --pairwise
    interaction of i and j =  i and j - only i - only j + none               --pairwise
    interaction of i with the others = all - without i - only i + none       --leave-one-out with one of the other two
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import ClassVar

from podium.leaderboard.board import Board
from podium.leaderboard.text import short_name

SMALLER_IS_BETTER = ("_error", "loss", "mse")
SHARE = re.compile(r"(error|accuracy|iou|map|recall|precision|f1)(_|$)")


class Mode(StrEnum):
    """Which variations are made."""

    LEAVE_ONE_OUT = "leave_one_out"
    ADD_ONE = "add_one"
    PAIRWISE = "pairwise"


class Kind(StrEnum):
    """What is asked: two kinds of worth, two kinds of interaction."""

    LEFT_OUT = "left_out"
    ALONE = "alone"
    COMPANY = "company"
    PAIR = "pair"

    @property
    def is_interaction(self) -> bool:
        """Whether four variations are compared, and not two."""
        return self in (Kind.COMPANY, Kind.PAIR)


@dataclass(frozen=True)
class Variation:
    """The configuration with the tricks ``on``, in their order, and without the others."""

    key: str
    label: str
    on: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What one trick, or two, are worth: the variations, by key, that are added (+1) and taken away (-1)."""

    kind: Kind
    factors: tuple[str, ...]
    weights: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Ablation(Board):
    """A board whose entries are one configuration with more or fewer of its ``factors``, keys such as tricks.mixup."""

    splits: ClassVar[tuple[str, ...]] = ("validation", "test")

    factors: list[str]
    modes: list[str]

    def __post_init__(self) -> None:
        """Check the values; every message is one line."""
        planned = [variation.key for variation in variations(self.factors, self.modes)]
        super().__post_init__()
        if self.entries != planned:
            raise ValueError(f"entries must be {planned}, got {self.entries}; leave them to podium ablate")

    def off(self, key: str) -> list[str]:
        """The factors that the variation of this key does without."""
        found = {variation.key: variation for variation in variations(self.factors, self.modes)}[key]
        return [factor for factor in self.factors if factor not in found.on]


def direction_of(metric: str) -> str:
    """Whether a metric is better small (min) or large (max)."""
    return "min" if metric.endswith(SMALLER_IS_BETTER) else "max"


def is_share(metric: str) -> bool:
    """Whether a metric is from 0 to 1, and is shown in per cent."""
    return SHARE.search(short_name(metric)) is not None


def short(factor: str, factors: Sequence[str]) -> str:
    """A factor's name without its group, where no other has that name."""
    name = short_name(factor.replace(".", "/"))
    alone = [short_name(other.replace(".", "/")) for other in factors].count(name) == 1
    return name if alone else factor.replace(".", "_")


def variations(factors: Sequence[str], modes: Sequence[str]) -> list[Variation]:
    """Every variation once: all, each left out, none, each alone, each pair.

    Raises:
        ValueError: there is nothing to leave out, or no pair, or no such mode.
    """
    whole = tuple(factors)
    if not whole:
        raise ValueError(
            "an ablation must have a trick or augmentation to leave out, got none; add tricks=[dropout]"
        )
    if unknown := sorted({*modes} - {*Mode}):
        raise ValueError(f"modes must be of {', '.join(Mode)}, got {unknown[0]}; correct it")
    if Mode.PAIRWISE in modes and len(whole) < 2:
        raise ValueError(f"--pairwise must have two tricks or more, got {whole[0]} alone; add another")
    chosen: list[tuple[str, ...]] = []
    if Mode.LEAVE_ONE_OUT in modes:
        chosen += [whole, *(_without(whole, factor) for factor in whole)]
    if Mode.ADD_ONE in modes or Mode.PAIRWISE in modes:
        chosen += [(), *((factor,) for factor in whole)]
    if Mode.PAIRWISE in modes:
        chosen += list(combinations(whole, 2))
    return [_variation(on, whole, modes) for on in dict.fromkeys(chosen)]


def questions(factors: Sequence[str], modes: Sequence[str]) -> list[Question]:
    """Every question that these variations answer, once: with two tricks some are the same."""
    whole = tuple(factors)
    key = {variation.on: variation.key for variation in variations(factors, modes)}
    company = Mode.LEAVE_ONE_OUT in modes
    alone = Mode.ADD_ONE in modes or Mode.PAIRWISE in modes
    both = company and alone
    found: list[Question] = []

    def ask(
        kind: Kind, about: tuple[str, ...], plus: Sequence[tuple[str, ...]], minus: Sequence[tuple[str, ...]]
    ) -> None:
        weights = tuple([(key[on], 1) for on in plus] + [(key[on], -1) for on in minus])
        if all(set(weights) != set(other.weights) for other in found):
            found.append(Question(kind, about, weights))

    for factor in whole if company else ():
        ask(Kind.LEFT_OUT, (factor,), [whole], [_without(whole, factor)])
    for factor in whole if alone else ():
        ask(Kind.ALONE, (factor,), [(factor,)], [()])
    for pair in combinations(whole, 2) if Mode.PAIRWISE in modes or (both and len(whole) == 2) else ():
        ask(Kind.PAIR, pair, [pair, ()], [(pair[0],), (pair[1],)])
    for factor in whole if both and len(whole) > 2 else ():
        ask(Kind.COMPANY, (factor,), [whole, ()], [_without(whole, factor), (factor,)])
    return found


def _without(factors: tuple[str, ...], factor: str) -> tuple[str, ...]:
    return tuple(other for other in factors if other != factor)


def _variation(on: tuple[str, ...], whole: tuple[str, ...], modes: Sequence[str]) -> Variation:
    names = [short(factor, whole) for factor in on]
    if on == whole:
        return Variation("all", f"all {len(whole)}" if len(whole) > 1 else names[0], on)
    if not on:
        return Variation("none", "none", on)
    if Mode.LEAVE_ONE_OUT in modes and len(on) == len(whole) - 1:
        (left,) = (short(factor, whole) for factor in whole if factor not in on)
        return Variation(f"without_{left}", f"without {left}", on)
    if len(on) == 1:
        return Variation(f"only_{names[0]}", f"only {names[0]}", on)
    return Variation("_and_".join(names), " + ".join(names), on)
