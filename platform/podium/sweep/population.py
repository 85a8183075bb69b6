"""Population-based training (Jaderberg et al. 2017, https://arxiv.org/abs/1711.09846): who goes on from whom, with what.

Every ``every_epochs`` epochs the worst members take over weights, optimizer and values of one of the best, and change the
values: each is multiplied by a factor, or drawn anew. A member is a configuration whose changes are its history, so that it
can be trained again from the start. Differs from the paper: all members are compared at the same epoch, where the paper
does not wait, so that decisions do not depend on which is quicker; a member that failed is replaced too.
"""

import json
import math
import os
import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from podium.run.errors import ConfigError
from podium.run.space import Axis
from podium.sweep.memory import mend
from podium.sweep.plan import Plan
from podium.sweep.settings import Pbt
from podium.sweep.space import Point, drawn, ends, perturbed
from podium.sweep.trial import Tools, Trial

JOURNAL = "population.jsonl"
TRIES = 100  # to find values that no other member has

Begin = Callable[[Point, Point, int], None]


@dataclass(frozen=True)
class Member:
    """One place of a population: the texts it began with, and what changed after so many epochs.

    ``source`` is the member of the generation before that it went on from, null where it is itself.
    """

    base: tuple[str, ...]
    changes: tuple[tuple[int, dict[str, str]], ...]
    source: int | None

    @property
    def point(self) -> Point:
        """Its configuration."""
        return (*self.base, written(self.changes))

    def values(self, axes: Sequence[Axis]) -> tuple[str, ...]:
        """The texts that count now."""
        now = dict(zip([axis.key for axis in axes], self.base, strict=True))
        for _, values in self.changes:
            now |= values
        return tuple(now[axis.key] for axis in axes)


def written(changes: Sequence[tuple[int, dict[str, str]]]) -> str:
    """Changes as they are written on a command line; empty where there are none."""
    each = (
        f"{epoch}:{{{','.join(f'{key}:{text}' for key, text in values.items())}}}"
        for epoch, values in changes
    )
    return "{" + ",".join(each) + "}" if changes else ""


def readable(text: str) -> str:
    """Written changes for people."""
    found = re.findall(r"(\d+):\{([^{}]*)\}", text)
    return "; ".join(
        f"from epoch {epoch} on {values.replace(':', '=').replace(',', ', ')}" for epoch, values in found
    )


def next_generation(
    plan: Plan, members: Sequence[Member], values: Sequence[float], *, number: int, epochs: int
) -> list[Member]:
    """Who goes on after so many epochs, into the generation of this number.

    The worst, and those without a value, go on from one of the best; values are drawn by (seed, number, member) alone.
    Where no member has a value all stay as they are.
    """
    search = plan.search
    assert isinstance(search, Pbt)
    sign = 1 if plan.mode == "min" else -1
    healthy = [k for k in range(len(members)) if math.isfinite(values[k])]
    if not healthy:
        return [Member(member.base, member.changes, None) for member in members]
    order = sorted(healthy, key=lambda k: (sign * values[k], k))
    count = max(1, int(search.quantile * len(members)))
    best = order[:count]
    worst = ({*range(len(members))} - {*healthy} | {*order[-count:]}) - {*best}
    taken = {member.point for k, member in enumerate(members) if k not in worst}
    following = []
    for k, member in enumerate(members):
        if k in worst:
            generator = random.Random(f"{search.seed}/{number}/{k}")
            source = generator.choice(best)
            new = _explored(plan.axes, members[source], source, search, generator, epochs, taken)
            taken.add(new.point)
        else:
            new = Member(member.base, member.changes, None)
        following.append(new)
    return following


def _explored(
    axes: Sequence[Axis],
    best: Member,
    source: int,
    search: Pbt,
    generator: random.Random,
    epochs: int,
    taken: set[Point],
) -> Member:
    """A member like another, with other values from so many epochs on, which no member has yet if that can be."""
    before = best.values(axes)
    for _ in range(TRIES):
        texts = [
            drawn(axis, generator)
            if generator.random() < search.resample
            else perturbed(axis, text, search.factors, generator)
            for axis, text in zip(axes, before, strict=True)
        ]
        new = {axis.key: text for axis, text, old in zip(axes, texts, before, strict=True) if text != old}
        found = Member(best.base, (*best.changes, (epochs, new)) if new else best.changes, source)
        if found.point not in taken:
            break
    return found


class Population:
    """The memory of a population: every value that a member came to and every generation, synced before it is acted on.

    ``begin`` lets a member begin from another's checkpoint after so many epochs, before that one goes on.

    Raises:
        ConfigError: the journal is damaged.
    """

    def __init__(self, plan: Plan, *, stops: Sequence[int | None], begin: Begin) -> None:
        assert isinstance(plan.search, Pbt)
        self._plan = plan
        self._stops = list(stops)
        self._begin = begin
        self._path = plan.folder / JOURNAL
        plan.folder.mkdir(parents=True, exist_ok=True)
        mend(self._path)
        first = [Member(point[:-1], (), None) for point in plan.points()]
        self.generations, self.told = load(plan, first)
        self._next()
        self._start()

    def ask(self) -> tuple[int, Point] | None:
        """The next member of this generation; null when all were asked for."""
        if not self._queue:
            return None
        member = self._queue.pop(0)
        return self._number(member), self.generations[-1][member].point

    def waits(self) -> bool:
        """Whether there is a next generation, which depends on those under way."""
        return self.open() > 0

    def report(self, number: int, epochs: int, value: float) -> bool:
        """A member is told of, and never stopped."""
        return False

    def tell(self, number: int, values: Sequence[float]) -> None:
        """The value that a member came to; not a number where it failed. The last of a generation makes the next one."""
        generation, member = divmod(number, len(self.generations[0]))
        if (generation, member) in self.told:
            return
        value = float(values[0])
        self.told[generation, member] = value
        self._note({"told": [generation, member], "value": value if math.isfinite(value) else None})
        if self._next():
            self._start()

    def lose(self, number: int) -> None:
        """A member lost its worker for good: it failed, and the others need not wait for it."""
        self.tell(number, [math.nan])

    def open(self) -> int:
        """How many members have not been told of, in this generation and those to come."""
        if self._dead():
            return 0
        later = len(self._stops) - len(self.generations)
        return len(self._left()) + later * len(self.generations[0])

    def stopped(self) -> set[Point]:
        """The points of members that were replaced."""
        every = {member.point for members in self.generations for member in members}
        return every - {member.point for member in self.generations[-1]}

    def _next(self) -> bool:
        """Make the next generation once all were told of, if there is one."""
        if self._left() or len(self.generations) == len(self._stops) or self._dead():
            return False
        number, members = len(self.generations), self.generations[-1]
        values = [self.told[number - 1, k] for k in range(len(members))]
        following = next_generation(self._plan, members, values, number=number, epochs=self._reached())
        self._note({"generation": number, "members": [asdict(member) for member in following]})
        self.generations.append(following)
        return True

    def _start(self) -> None:
        """Let the members of a generation begin where they go on from, and wait to be asked for."""
        for member in self.generations[-1]:
            if member.source is not None:
                self._begin(member.point, self.generations[-2][member.source].point, self._reached(of=-2))
        self._queue = [] if self._dead() else self._left()

    def _reached(self, of: int = -1) -> int:
        """The epochs after which a generation is compared that is not the last one."""
        epochs = self._stops[len(self.generations) + of]
        assert epochs is not None
        return epochs

    def _left(self) -> list[int]:
        current = len(self.generations) - 1
        return [k for k in range(len(self.generations[0])) if (current, k) not in self.told]

    def _dead(self) -> bool:
        """Whether a generation came to its end without any value."""
        current = len(self.generations) - 1
        values = [self.told.get((current, k), 0.0) for k in range(len(self.generations[0]))]
        return not any(math.isfinite(value) for value in values)

    def _number(self, member: int) -> int:
        return (len(self.generations) - 1) * len(self.generations[0]) + member

    def _note(self, event: dict[str, Any]) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(event).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def load(plan: Plan, first: Sequence[Member]) -> tuple[list[list[Member]], dict[tuple[int, int], float]]:
    """The generations and the values that a journal tells of, from the first generation on.

    Raises:
        ConfigError: it is damaged.
    """
    path = plan.folder / JOURNAL
    generations, told = [list(first)], {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            event = json.loads(line)
            if "told" in event:
                generation, member = event["told"]
                told[generation, member] = math.nan if event["value"] is None else float(event["value"])
            else:
                generations.append([_member(raw) for raw in event["members"]])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} must be the journal of a population, got {error}; delete it: finished runs are found again"
        ) from None
    return generations, told


def _member(raw: dict[str, Any]) -> Member:
    changes = tuple((int(epoch), dict(values)) for epoch, values in raw["changes"])
    return Member(tuple(raw["base"]), changes, raw["source"])


def changing_points(plan: Plan) -> list[Point]:
    """Points whose values change after an epoch to every choice there is, and to the ends of intervals, to be tried out."""
    base = plan.points()[0][:-1]
    each = [ends(axis) for axis in plan.axes]
    found = []
    for k in range(max(len(texts) for texts in each)):
        changes = {axis.key: texts[k % len(texts)] for axis, texts in zip(plan.axes, each, strict=True)}
        found.append(Member(base, ((1, changes),), None).point)
    return found


def beginner(plan: Plan, tools: Tools) -> Begin:
    """Lets all seeds of one point begin from those of another, where they can; else they are trained from the start."""

    def begin(point: Point, source: Point, epochs: int) -> None:
        for seed in range(plan.seeds):
            try:
                configs = [Trial(plan, one, tools).config(seed, None) for one in (point, source)]
                tools.begin(configs[0], configs[1], epochs)
            except (ConfigError, ValueError) as error:
                print(
                    f"note: seed {seed} of {plan.line(point)} is trained from the start: {error}",
                    file=sys.stderr,
                )

    return begin
