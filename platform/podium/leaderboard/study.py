"""What a study is: a claim, variants, seeds and a decision rule, all fixed before anything ran. conf/study/NAME.yaml."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from podium.leaderboard.study_comparisons import Comparison, comparison_of

STUDY_FILE = "study.json"
RULES = "1.0.0"  # of the decision: raise major or minor when a verdict could change
KEY = re.compile(r"[a-z0-9_]+")
METRIC = re.compile(r"(test|train|moved|features|signal)/[a-z0-9_]+")
Measure = Literal["training", "signal"]
MEASURES: tuple[Measure, ...] = ("training", "signal")
OPTIONAL = ("before", "members", "cost", "needs")  # of the keys: pages from before them stay what they are
BEGINS = "network.weights=before"  # of a variant whose network begins as the run before ended


@dataclass(frozen=True)
class Choice:
    """A value that every variant chooses for itself, on seeds of its own, by the lowest mean validation metric."""

    key: str
    values: list[float]
    seeds: list[int]
    metric: str

    def __post_init__(self) -> None:
        if not self.metric.startswith("validation/"):
            raise ValueError(
                f"choose.metric must be of the validation split, got {self.metric!r}; write validation/loss"
            )
        if len(self.values) < 2 or len(set(self.values)) < len(self.values) or not self.seeds:
            raise ValueError(
                f"choose must have different values and seeds, got {self.values} and {self.seeds}; name them"
            )


@dataclass(frozen=True)
class Study:
    """A claim as it was going to be tested, before anything ran.

    ``variants`` are names with their overrides, ``overrides`` those of all. ``measure`` says what a value is: the metric of
    a trained network, of the test split, (``train/``) of the examples that it learnt, (``moved/``) of the test images
    moved a little or of the ``features`` that its output layer gets; or of the signal in a network before training.
    ``comparisons`` must all hold. ``notes`` says what a reader must know about the setting; ``choose`` is null where
    nothing is chosen.

    ``before`` are the overrides of one run that is trained first: its network is what ``network.weights=before`` stands for.
    ``members`` says of which variants a value is not that of a run, but of the averaged probabilities of so many.
    ``cost`` says, where it is more than a desk has, what running it takes: such a study runs only when it is named.
    ``needs`` says which files must be there that no command of ours gets, and how they are made.
    """

    name: str
    title: str
    claim: str
    source: str
    notes: str
    rules: str
    measure: Measure
    overrides: list[str]
    variants: dict[str, list[str]]
    choose: Choice | None
    seeds: list[int]
    metric: str
    direction: str
    comparisons: list[Comparison]
    alpha: float
    before: list[str] | None = None
    members: dict[str, int] | None = None
    cost: str | None = None
    needs: str | None = None

    def __post_init__(self) -> None:
        """Check the values; every message is one line without the file's name."""
        more = [field for field in ("cost", "needs") if getattr(self, field) is not None]
        for field in ("title", "claim", "source", "notes", *more):
            if not isinstance(value := getattr(self, field), str) or not value.strip():
                raise ValueError(f"{field} must be text, got {value!r}; write {field}: ...")
        if self.rules != RULES:
            raise ValueError(f"rules must be {RULES}, which this version implements, got {self.rules!r}")
        if self.measure not in MEASURES:
            raise ValueError(f"measure must be one of {', '.join(MEASURES)}, got {self.measure!r}")
        if not METRIC.fullmatch(self.metric) or self.metric.startswith("signal/") is not (
            self.measure == "signal"
        ):
            raise ValueError(
                f"metric must be one of {self.measure}, got {self.metric!r}; write test/top1_error, "
                "train/top1_error, moved/top1_error, features/active or signal/doublings"
            )
        if self.direction not in ("min", "max"):
            raise ValueError(f"direction must be min or max, got {self.direction!r}; errors need min")
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, float) or not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, got {self.alpha!r}; write alpha: 0.05")
        for name in (self.name, *self.variants):
            if not KEY.fullmatch(name):
                raise ValueError(f"names must be letters a-z, digits and _, got {name!r}; rename it")
        self._check_seeds()
        self._check_comparisons()
        self._check_before()
        self._check_members()

    @property
    def scored_on(self) -> str:
        """The part of the data that the metric is of: test, train, moved or features; signal where nothing is trained."""
        return self.metric.partition("/")[0]

    def _check_seeds(self) -> None:
        chosen = self.choose.seeds if self.choose else []
        every = [*self.seeds, *chosen]
        if not self.seeds or any(type(seed) is not int or seed < 0 for seed in every):
            raise ValueError(f"seeds must be numbers from 0, got {every}; write seeds: [0, 1, 2, 3, 4]")
        if len(set(every)) < len(every):
            raise ValueError(f"seeds must differ, also from those of choose, got {every}; change one")
        if self.choose and self.measure == "signal":
            raise ValueError("choose must be null where nothing is trained, got a choice; remove it")

    def _check_comparisons(self) -> None:
        named = [name for found in self.comparisons for name in found.variants]
        if not named:
            raise ValueError("comparisons must name what the claim says, got []; write one")
        if unknown := sorted(set(named) - set(self.variants)):
            raise ValueError(f"comparisons must be of variants {', '.join(self.variants)}, got {unknown[0]}")
        if unused := sorted(set(self.variants) - set(named)):
            raise ValueError(f"every variant must be compared, got {unused[0]} in no comparison; remove it")

    def _check_before(self) -> None:
        begins = any(BEGINS in words for words in (self.overrides, *self.variants.values()))
        if begins is not (self.before is not None):
            raise ValueError(
                f"before and {BEGINS} need each other, got {self.before} and {'one' if begins else 'no'} such override; "
                "write both or neither"
            )
        if self.before is not None and (not isinstance(self.before, list) or self.measure == "signal"):
            raise ValueError(
                f"before must list overrides of a run before others that train, got {self.before!r}"
            )

    def _check_members(self) -> None:
        for name, count in (self.members or {}).items():
            if name not in self.variants:
                raise ValueError(f"members must be of variants {', '.join(self.variants)}, got {name}")
            if type(count) is not int or count < 2:
                raise ValueError(f"members must be 2 or more, got {count!r} for {name}; write {name}: 7")
        if self.members and (self.choose or not self.metric.startswith("test/")):
            raise ValueError(
                f"members needs choose: null and a metric of the test split, got {self.metric} and "
                f"{'a' if self.choose else 'no'} choice; change them"
            )

    def seeds_of(self, variant: str) -> dict[int, tuple[int, ...]]:
        """The seeds of the runs behind each value of a variant, by the study's seed.

        Members of ensembles have seeds of their own, counted on from the largest: no two values share a run.
        """
        first = max(self.seeds) + 1
        for name, count in (self.members or {}).items():
            if name == variant:
                starts = (first + place * count for place in range(len(self.seeds)))
                groups = [tuple(range(start, start + count)) for start in starts]
                return dict(zip(self.seeds, groups, strict=True))
            first += count * len(self.seeds)
        return {seed: (seed,) for seed in self.seeds}

    def begun(self, weights: str) -> "Study":
        """The study with these weights in place of the run before; itself where none comes before."""
        if self.before is None:
            return self

        def named(words: list[str]) -> list[str]:
            return [f"network.weights={weights}" if word == BEGINS else word for word in words]

        variants = {name: named(words) for name, words in self.variants.items()}
        return replace(self, before=None, overrides=named(self.overrides), variants=variants)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Study":
        """The study of a plain dictionary.

        Raises:
            ValueError: one line: what is required, what was given, what to do.
        """
        _check_keys(raw, cls, "a study")
        choose = raw["choose"]
        if choose is not None:
            _check_keys(choose, Choice, "choose")
            choose = Choice(**choose)
        comparisons = [comparison_of(found) for found in raw["comparisons"]]
        return cls(**{**raw, "choose": choose, "comparisons": comparisons})

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ``from_dict`` gives the same study back."""
        plain = {
            key: value for key, value in asdict(self).items() if key not in OPTIONAL or value is not None
        }
        plain["comparisons"] = [
            {key: value for key, value in found.items() if value is not None}
            for found in plain["comparisons"]
        ]
        return plain


def _check_keys(raw: Mapping[str, Any], owner: type[Study] | type[Choice], what: str) -> None:
    known = [field.name for field in fields(owner)]
    if unknown := sorted(set(raw) - set(known)):
        raise ValueError(f"{unknown[0]} is not a key of {what}; its keys are {', '.join(known)}")
    if missing := [name for name in known if name not in raw and name not in OPTIONAL]:
        raise ValueError(f"{missing[0]} is required, got none; write {missing[0]}: ...")


@dataclass(frozen=True)
class Candidate:
    """A variant with one value of what is chosen (null where nothing is), and the hash of its configuration."""

    variant: str
    value: float | None
    entry_hash: str


def check_candidates(study: Study, candidates: Sequence[Candidate]) -> None:
    """Check that the resolved candidates are those of the study, and are different experiments.

    Raises:
        ValueError: others, or two that would train the same thing.
    """
    values: Sequence[float | None] = study.choose.values if study.choose else [None]
    wanted = [(variant, value) for variant in study.variants for value in values]
    if (found := [(one.variant, one.value) for one in candidates]) != wanted:
        raise ValueError(f"candidates must be those of the study {wanted}, got {found}")
    seen: dict[tuple[str, int], Candidate] = {}
    for one in candidates:
        answering = (study.members or {}).get(one.variant, 1)
        if (other := seen.setdefault((one.entry_hash[:8], answering), one)) is not one:
            raise ValueError(
                f"variants must differ, got {other.variant} and {one.variant} with one configuration"
            )
