"""What a board is: which entries, which seeds, by which rules. Made from conf/board/NAME.yaml."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, MISSING, asdict, dataclass, fields, replace
from typing import Any, ClassVar

from podium.records.record import entry_hash

RULES = "1.0.0"  # the rules that this version implements: raise major or minor when a rank could change
BAND = 0.02  # of boards that fix none, such as those from before there were bands
KEY = re.compile(r"[a-z0-9_]+")
DOTTED = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
OPTIONAL = ("ensembles", "equivalence", "group_by", "include", "exclude")


@dataclass(frozen=True)
class Entry:
    """One planned entry: its file in conf/entry, the name to show, and the hash of its configuration."""

    key: str
    name: str
    entry_hash: str

    @property
    def short_hash(self) -> str:
        """The first eight digits, as in the names of folders."""
        return self.entry_hash[:8]

    @classmethod
    def from_config(cls, key: str, config: Mapping[str, Any]) -> "Entry":
        """The entry whose runs, whatever their seed, have this resolved configuration."""
        return cls(key=key, name=str(config["name"]), entry_hash=entry_hash(config))


@dataclass(frozen=True)
class EnsemblePlan:
    """One more row: the ensembles of so many members of an entry, of disjoint groups of its seeds."""

    entry: str
    members: int

    @classmethod
    def of(cls, raw: Any, entries: Sequence[str], seeds: Sequence[int]) -> "EnsemblePlan":
        """The plan that a board's file names.

        Raises:
            ValueError: it names no entry of the board, or no number of members that its seeds allow.
        """
        if not isinstance(raw, Mapping) or set(raw) != {"entry", "members"}:
            raise ValueError(
                f"ensembles must name entry and members, got {raw!r}; write {{entry: dense32, members: 5}}"
            )
        entry, members = raw["entry"], raw["members"]
        if entry not in entries:
            raise ValueError(f"ensembles must be of the board's entries, got {entry!r}; add it to entries")
        if type(members) is not int or not 2 <= members <= len(seeds):
            raise ValueError(
                f"members must be from 2 to the {len(seeds)} seeds, got {members!r}; add seeds or name fewer members"
            )
        return cls(entry, members)


@dataclass(frozen=True)
class Board:
    """A board as it was planned, before anything ran.

    ``overrides`` are common to all entries; ``columns`` name files of podium/leaderboard/columns, in order;
    ``alpha`` bounds the chance of one or more false claims on the whole board; ``ensembles`` are rows beside those of the
    entries. ``equivalence`` is how far from a row's mean a new training's mean may be, either way, to reproduce it. Rows are
    shown in groups of one value of ``group_by``; entries whose configuration has not the values of ``include``, or has one
    of ``exclude``, are no part of the board.
    """

    splits: ClassVar[tuple[str, ...]] = ("test",)  # which metrics may be of

    name: str
    title: str
    description: str
    rules: str
    entries: list[str]
    seeds: list[int]
    overrides: list[str]
    columns: list[str]
    alpha: float
    metric: str
    direction: str
    _: KW_ONLY
    ensembles: tuple[EnsemblePlan, ...] = ()
    equivalence: float | None = None
    group_by: str | None = None
    include: Mapping[str, Any] | None = None
    exclude: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check the values; every message is one line without the file's name."""
        for field in ("name", "title", "description", "rules", "metric", "direction"):
            value = getattr(self, field)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{field} must be text, got {value!r}; write {field}: ...")
        if not KEY.fullmatch(self.name):
            raise ValueError(f"name must be letters a-z, digits and _, got {self.name!r}; rename the board")
        if re.match(r"\d+\.\d+\.\d+$", self.rules) is None or _series(self.rules) != _series(RULES):
            raise ValueError(
                f"rules must be {_series(RULES)}.x, which this version implements, got {self.rules!r}; "
                "use the Podium that has those rules"
            )
        self._check_lists()
        self._check_choice()
        split, _, measure = self.metric.partition("/")
        if split not in self.splits or not KEY.fullmatch(measure):
            raise ValueError(
                f"metric must be a {' or '.join(self.splits)} metric, got {self.metric!r}; "
                f"write metric: {self.splits[0]}/top1_error"
            )
        if self.direction not in ("min", "max"):
            raise ValueError(f"direction must be min or max, got {self.direction!r}; errors need min")
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, float) or not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, got {self.alpha!r}; write alpha: 0.05")
        band = self.equivalence
        if band is not None and not (isinstance(band, float) and 0 < band < math.inf):
            raise ValueError(f"equivalence must be a positive number, got {band!r}; write equivalence: 0.02")

    @property
    def band(self) -> float:
        """How far a new training's mean may be from a row's, either way, to reproduce it; in units of the metric."""
        return BAND if self.equivalence is None else self.equivalence

    def _check_lists(self) -> None:
        for field, kind in (("entries", str), ("seeds", int), ("overrides", str), ("columns", str)):
            values = getattr(self, field)
            if not isinstance(values, list) or any(type(value) is not kind for value in values):
                raise ValueError(
                    f"{field} must be a list of {kind.__name__}, got {values!r}; write {field}: [...]"
                )
            if not values and field != "overrides":
                raise ValueError(f"{field} must name at least one, got []; write {field}: [...]")
            if len(set(values)) != len(values):
                twice = sorted({value for value in values if values.count(value) > 1}, key=str)
                raise ValueError(f"{field} must differ, got {twice[0]!r} twice; remove one")
        for field in ("entries", "columns"):
            for value in getattr(self, field):
                if not KEY.fullmatch(value):
                    raise ValueError(
                        f"{field} must be names of files, got {value!r}; use letters a-z, digits and _"
                    )
        if min(self.seeds) < 0:
            raise ValueError(f"seeds must not be negative, got {min(self.seeds)}; count from 0")

    def _check_choice(self) -> None:
        if self.group_by is not None and not _is_key(self.group_by):
            raise ValueError(
                f"group_by must be a key of a run's configuration, got {self.group_by!r}; write group_by: family"
            )
        for field in ("include", "exclude"):
            values = getattr(self, field)
            if values is not None and not (
                isinstance(values, Mapping) and values and all(map(_is_key, values))
            ):
                raise ValueError(
                    f"{field} must have values by key, got {values!r}; write {field}: {{trainer.precision: 32-true}}"
                )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Board":
        """The board of a plain dictionary.

        Raises:
            ValueError: one line: what is required, what was given, what to do.
        """
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(raw) - set(known)):
            raise ValueError(f"{unknown[0]} is not a key of a board; its keys are {', '.join(known)}")
        required = [field.name for field in fields(cls) if field.default is MISSING]
        if missing := [name for name in required if name not in raw]:
            raise ValueError(f"{missing[0]} is required on a board, got none; write {missing[0]}: ...")
        board = cls(**{name: value for name, value in raw.items() if name != "ensembles"})
        return replace(board, ensembles=board.planned(raw.get("ensembles", [])))

    def planned(self, raw: Any) -> tuple[EnsemblePlan, ...]:
        """The ensembles that a board's file names.

        Raises:
            ValueError: they are no list, one is not of this board, or one is there twice.
        """
        if not isinstance(raw, list):
            raise ValueError(f"ensembles must be a list, got {raw!r}; write ensembles: [...]")
        plans = tuple(EnsemblePlan.of(one, self.entries, self.seeds) for one in raw)
        if twice := [plan for plan in plans if plans.count(plan) > 1]:
            raise ValueError(
                f"ensembles must differ, got {twice[0].members} of {twice[0].entry} twice; remove one"
            )
        return plans

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ``from_dict`` gives the same board back. What a board need not have only where it has it."""
        plain = asdict(self)
        plain["ensembles"] = list(plain["ensembles"])
        return {key: value for key, value in plain.items() if value or key not in OPTIONAL}


def check_entries(board: Board, entries: Sequence[Entry]) -> None:
    """Check that the resolved entries are those of the board, and are different experiments.

    Raises:
        ValueError: others, or two that would train the same thing or bear the same name.
    """
    keys = [entry.key for entry in entries]
    if keys != board.entries:
        raise ValueError(
            f"entries must be those of the board {board.entries}, got {keys}; resolve each in its order"
        )
    for what in ("short_hash", "name"):
        seen: dict[str, str] = {}
        for entry in entries:
            value = getattr(entry, what)
            if value in seen:
                said = "name" if what == "name" else "configuration"
                raise ValueError(
                    f"entries must differ, got {seen[value]} and {entry.key} with one {said}; change one"
                )
            seen[value] = entry.key


def _is_key(text: Any) -> bool:
    return isinstance(text, str) and DOTTED.fullmatch(text) is not None


def _series(version: str) -> str:
    return ".".join(version.split(".")[:2])
