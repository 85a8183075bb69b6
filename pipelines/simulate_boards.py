"""What a board's statistics are worth: boards whose truth is known, judged by the functions that judge real ones.

Entries that are all equal show how often a board claims a difference that is not there; one that is truly better, how
often that is found; many samples of known mean, how often its interval holds it. docs/statistics.md is what this prints::

    python pipelines/simulate_boards.py [BOARDS] > docs/statistics.md
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from tqdm import tqdm

from podium.leaderboard import statistics

ENTRIES, EXAMPLES, ALPHA, BOARDS = 12, 360, 0.05, 1000
MORE = 4  # times as many boards for false claims, which are few
FEW = 4  # entries of a board on which ten seeds suffice for the sign-flip test
SEEDS = (3, 4, 5, 6, 8, 10)
FLIP_SEEDS = (5, 7, 8, 10, 12)
COVERAGE_SEEDS = (3, 5, 7, 9, 10, 15, 20, 30, 50, 80)
BOOTSTRAP_SEEDS = (10, 15, 20, 30, 50, 80)
GAPS = (1.0, 2.0, 4.0, 8.0)  # in standard deviations over seeds
SHARES = ((0.0, 0.01), (0.01, 0.05), (0.05, 0.95), (0.95, 0.99), (0.99, 1.0))
PAIRS = (1, 3, 6, 10, 45, 66)
RESOLUTION = 1 / EXAMPLES
SPREAD = 0.01
TEMPLATE = Path(__file__).with_suffix(".md.j2")
Draws = npt.NDArray[np.float64]
Draw = Callable[
    [np.random.Generator, int], Draws
]  # errors, one row an entry, one column a seed; nan: it failed


def equal_spread(generator: np.random.Generator, seeds: int) -> Draws:
    """Errors around 10%, spread by 1 point over seeds."""
    return generator.normal(0.1, SPREAD, (ENTRIES, seeds))


def outliers(generator: np.random.Generator, seeds: int) -> Draws:
    """The same, but one seed in ten ends at 50%."""
    usual = equal_spread(generator, seeds)
    return np.where(generator.random(usual.shape) < 0.1, 0.5, usual)


def failures(generator: np.random.Generator, seeds: int) -> Draws:
    """The same, but one run in twenty fails."""
    usual = equal_spread(generator, seeds)
    return np.where(generator.random(usual.shape) < 0.05, np.nan, usual)


EQUAL, TIES, RARE = (
    "Spread of 1 point over seeds",
    "Many ties: 2% of 360 examples",
    "Nearly all ties: 0.3% of 360 examples",
)
SKEWED, OUTLIERS = "Skewed: lognormal, spread by 0.5", "One seed in ten ends at 50%, and counts"
SHARED = "What a seed does to all entries is the larger part"
TRUTHS: dict[str, Draw] = {
    EQUAL: equal_spread,
    "Unequal spreads, from 0.2 to 5 points": lambda generator, seeds: generator.normal(
        0.1, np.geomspace(0.002, 0.05, ENTRIES)[:, None], (ENTRIES, seeds)
    ),
    TIES: lambda generator, seeds: generator.binomial(EXAMPLES, 0.02, (ENTRIES, seeds)) / EXAMPLES,
    RARE: lambda generator, seeds: generator.binomial(EXAMPLES, 0.003, (ENTRIES, seeds)) / EXAMPLES,
    SKEWED: lambda generator, seeds: 0.1 * generator.lognormal(0.0, 0.5, (ENTRIES, seeds)),
    OUTLIERS: outliers,
    "One run in twenty fails, and its entry has no rank": failures,
    SHARED: lambda generator, seeds: (
        equal_spread(generator, seeds) + generator.normal(0, 2 * SPREAD, (1, seeds))
    ),
}
MEANS = {EQUAL: 0.1, TIES: 0.02, RARE: 0.003, SKEWED: 0.1 * float(np.exp(0.125)), OUTLIERS: 0.14}


def board(errors: Draws) -> list[statistics.Values]:
    """The entries that a board ranks: those whose every seed finished."""
    return [dict(enumerate(row.tolist())) for row in errors if not np.isnan(row).any()]


def claims(
    errors: Draws, *, correction: statistics.Correction = statistics.holm
) -> list[statistics.Comparison]:
    """The differences that a board claims."""
    found = statistics.compare(board(errors), resolution=RESOLUTION, correction=correction)
    return [one for one in found if one.p < ALPHA and one.difference != 0]


def false_claims(draw: Draw, seeds: int, boards: int, *, correction: statistics.Correction) -> float:
    """The share of boards of equal entries that claim a difference."""
    generator = np.random.default_rng(seeds)
    return float(
        np.mean([bool(claims(draw(generator, seeds), correction=correction)) for _ in range(boards)])
    )


def power(gap: float, seeds: int, boards: int) -> float:
    """How often the one entry that is better, by so many standard deviations, is told from another one."""
    generator, found = np.random.default_rng(seeds), 0
    for _ in range(boards):
        errors = equal_spread(generator, seeds)
        errors[0] -= gap * SPREAD
        found += any((one.first, one.second) == (0, 1) for one in claims(errors))
    return found / boards


def stated_gap(seeds: int, boards: int) -> float:
    """The smallest detectable gap that boards of equal entries state, in standard deviations: the median of some."""
    generator = np.random.default_rng(seeds)
    stated = [
        statistics.detectable_gap(
            board(equal_spread(generator, seeds)), resolution=RESOLUTION, alpha=ALPHA
        ).gap
        for _ in range(min(boards, 100))
    ]
    return float(np.median([gap for gap in stated if gap is not None])) / SPREAD


def shared_rank(seeds: int, boards: int) -> tuple[float, float]:
    """Four equal entries are best and eight are worse by ten standard deviations: how often the four share rank 1, and
    how often a worse one does not have rank 5."""
    generator, shared, worse = np.random.default_rng(seeds), 0, 0
    for _ in range(boards):
        errors = equal_spread(generator, seeds)
        errors[FEW:] += 10 * SPREAD
        found = statistics.compare(board(errors), resolution=RESOLUTION)
        ranks = statistics.ranks(found, ENTRIES, alpha=ALPHA, direction="min")
        shared += ranks[:FEW] == [1] * FEW
        worse += ranks[FEW:] != [1 + FEW] * (ENTRIES - FEW)
    return shared / boards, worse / boards


def coverage(draw: Draw, truth: float, seeds: int, boards: int, **settings: int) -> float:
    """How often the interval of a mean over seeds holds the truth; ``boards`` samples where it is a bootstrap, which takes
    its time, and one for each entry of them else."""
    generator = np.random.default_rng(seeds)
    samples = [row.tolist() for _ in range(boards) for row in draw(generator, seeds)]
    if seeds >= settings.get("bootstrap_from", statistics.BOOTSTRAP_FROM):
        samples = samples[::ENTRIES]
    bounds = [statistics.mean_interval(sample, **settings) for sample in samples]
    return float(np.mean([low <= truth <= high for low, high in bounds]))


def covered(method: str, low: float, high: float) -> tuple[float, float]:
    """The lowest and the mean coverage of an interval of a share, over true shares between two; exact."""
    counts = np.arange(EXAMPLES + 1)
    errors = np.linspace(low, high, 202)[1:-1, None]
    least, most = proportion_confint(counts, EXAMPLES, method=method)
    holds = (least <= errors) & (errors <= most)
    found = (stats.binom.pmf(counts, EXAMPLES, errors) * holds).sum(axis=1)
    return float(found.min()), float(found.mean())


def flips(draw: Draw, gap: float, seeds: int, boards: int) -> tuple[float | None, float]:
    """How often a board of four entries, the first better by so much, claims something by sign flips, and by t-tests."""
    generator, flipped, tested = np.random.default_rng(seeds), 0, 0
    for _ in range(boards):
        errors = draw(generator, seeds)[:FEW]
        errors[0] -= gap * SPREAD
        found = statistics.sign_flips(board(errors), alpha=ALPHA)
        tested += bool(claims(errors))
        if found is not None:
            flipped += any(one.p < ALPHA and one.difference != 0 for one in found)
    possible = statistics.least_flip_p(seeds) < ALPHA / (FEW * (FEW - 1) // 2)
    assert possible or not flipped
    return flipped / boards if possible else None, tested / boards


def row(name: str, values: Iterable[float | None]) -> str:
    """A line of a table, in percent."""
    cells = ("cannot" if value is None else f"{100 * value:.1f}" for value in values)
    return f"| {name} | " + " | ".join(cells) + " |"


def table(title: str, columns: Sequence[object], rows: Sequence[str]) -> str:
    """A table in Markdown."""
    return "\n".join(
        [f"| {title} | " + " | ".join(map(str, columns)) + " |", "|---|" + "---:|" * len(columns), *rows]
    )


def false_table(boards: int) -> str:
    """False claims on boards of equal entries, and without the correction."""
    rows = [
        row(name, [false_claims(draw, n, MORE * boards, correction=statistics.holm) for n in SEEDS])
        for name, draw in tqdm(TRUTHS.items(), "false claims")
    ]
    control = [false_claims(equal_spread, n, boards, correction=list) for n in SEEDS]
    return table(
        "boards with a false claim, %", SEEDS, [*rows, row("*The first without the correction*", control)]
    )


def power_table(boards: int) -> str:
    """True gaps that were found, and what pages state."""
    rows = [
        row(f"{gap:g} standard deviations", [power(gap, n, boards) for n in SEEDS])
        for gap in tqdm(GAPS, "power")
    ]
    stated = [stated_gap(n, boards) for n in SEEDS]
    rows.append(
        "| The gap that the page states, in standard deviations | "
        + " | ".join(f"{g:.1f}" for g in stated)
        + " |"
    )
    rows.append(
        row("Found at that gap", [power(gap, n, boards) for gap, n in zip(stated, SEEDS, strict=True)])
    )
    return table("true gap found, %", SEEDS, rows)


def rank_table(boards: int) -> str:
    """Whether equal entries share a rank."""
    shared, worse = zip(*(shared_rank(n, boards) for n in tqdm(SEEDS, "ranks")), strict=True)
    rows = [row("The four best share rank 1", shared), row("One of the worse has not rank 5", worse)]
    return table("boards, %", SEEDS, rows)


def coverage_table(title: str, seeds: Sequence[int], boards: int, **settings: int) -> str:
    """Intervals that hold the truth."""
    rows = [
        row(name, [coverage(TRUTHS[name], truth, n, boards, **settings) for n in seeds])
        for name, truth in tqdm(MEANS.items(), title)
    ]
    return table(f"{title} that hold the mean, %", seeds, rows)


def wilson_table() -> str:
    """Wilson's interval against the usual one."""
    rows = [
        row(
            f"{100 * low:g} to {100 * high:g}%",
            [*covered("wilson", low, high), *covered("normal", low, high)],
        )
        for low, high in SHARES
    ]
    return table("true error", ("Wilson, lowest", "Wilson, mean", "usual, lowest", "usual, mean"), rows)


def flip_table(boards: int) -> str:
    """Sign flips against t-tests on boards of four entries."""
    rows = []
    for name, gap, what in (
        (EQUAL, 0.0, "no gap"),
        (SKEWED, 0.0, "no gap, skewed"),
        (OUTLIERS, 0.0, "no gap, one seed in ten at 50%"),
        (EQUAL, 3.0, "gap of 3 standard deviations"),
        (SHARED, 3.0, "gap of 3, shared effect of a seed"),
    ):
        found = [flips(TRUTHS[name], gap, n, boards) for n in tqdm(FLIP_SEEDS, f"flips, {what}")]
        rows += [
            row(f"{what}: sign flips", [f for f, _ in found]),
            row(f"{what}: t-tests", [t for _, t in found]),
        ]
    return table("boards with a claim, %", FLIP_SEEDS, rows)


def main(boards: int) -> None:
    """Print the page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    flips_from = [str(statistics.flips_from(pairs, alpha=ALPHA)) for pairs in PAIRS]
    values = {
        "boards": boards,
        "more": MORE * boards,
        "entries": ENTRIES,
        "pairs": ENTRIES * (ENTRIES - 1) // 2,
        "bootstrap_from": statistics.BOOTSTRAP_FROM,
        "flips_from": table("pairs", PAIRS, [f"| seeds | {' | '.join(flips_from)} |"]),
        "false_claims": false_table(boards),
        "power": power_table(boards),
        "ranks": rank_table(boards),
        "coverage": coverage_table("intervals", COVERAGE_SEEDS, boards),
        "bootstrap": coverage_table("BCa intervals", BOOTSTRAP_SEEDS, boards, bootstrap_from=2),
        "wilson": wilson_table(),
        "sign_flips": flip_table(boards),
    }
    print(environment.get_template(TEMPLATE.name).render(values), end="")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else BOARDS)
