"""What tricks are worth: the questions of an ablation answered from its table, paired by seed and corrected over all.

Worth is what the metric gains, whichever way it runs: positive is better. An effect is claimed where its corrected
p-value is below alpha and every planned seed of its variations finished; runs that diverge are not left out by chance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from podium.leaderboard.ablation import Ablation, Kind, Question, questions
from podium.leaderboard.paired import Contrast, Effect, by_seed, effects
from podium.leaderboard.pairs import Values
from podium.leaderboard.statistics import MIN_SEEDS, POWER, Correction, holm, noncentrality, typical_deviation
from podium.leaderboard.table import Row, Table
from podium.leaderboard.text import is_error

SAYS = {
    Kind.LEFT_OUT: {1: "helps", -1: "harms", 0: "not told apart from nothing"},
    Kind.ALONE: {1: "helps", -1: "harms", 0: "not told apart from nothing"},
    Kind.PAIR: {1: "more together than apart", -1: "less together than apart", 0: "no interaction found"},
    Kind.COMPANY: {1: "worth more in company", -1: "worth more alone", 0: "no interaction found"},
}
ONLY_TOGETHER = "they work only together"
INCOMPLETE = "no claim: not every seed finished"


@dataclass(frozen=True)
class Answer:
    """A question's effect, corrected; ``claim`` is 1 (gains), -1 (loses) or 0. ``cost_s``: training seconds that it adds.

    ``share`` is that cost as a share of the seconds without it. ``packed``: both are shares of programs that trained many
    runs. Of a pair, ``together`` is what both add to none, without correction, and ``cost_s`` is null.
    """

    question: Question
    effect: Effect
    complete: bool
    claim: int
    cost_s: float | None
    share: float | None
    packed: bool
    together: Effect | None


def answer(table: Table, *, correction: Correction = holm) -> list[Answer]:
    """Every question of the ablation, answered from the runs that count."""
    board = ablation_of(table)
    asked = questions(board.factors, board.modes)
    rows = {row.entry.key: row for row in table.rows}
    values = {key: _values(row, board.metric) for key, row in rows.items()}
    found = effects(
        [_contrast(board, question.weights, values) for question in asked],
        resolution=resolution(table),
        correction=correction,
    )
    answers = []
    for question, effect in zip(asked, found, strict=True):
        complete = all(rows[key].complete for key, _ in question.weights)
        claimed = complete and effect.p < board.alpha and effect.mean != 0
        alone = None if question.kind.is_interaction else _cost(question, rows, "train_s")
        packed = None if question.kind.is_interaction or alone else _cost(question, rows, "packed_s")
        cost = alone or packed
        answers.append(
            Answer(
                question=question,
                effect=effect,
                complete=complete,
                claim=int(math.copysign(1, effect.mean)) if claimed else 0,
                cost_s=None if cost is None else cost[0],
                share=None if cost is None else cost[1],
                packed=packed is not None,
                together=_together(table, question, values) if question.kind is Kind.PAIR else None,
            )
        )
    return answers


def verdict(found: Answer, answers: Sequence[Answer]) -> str:
    """An answer in words. Two work only together where more than their sum is claimed and neither alone is."""
    if not found.complete:
        return INCOMPLETE
    if found.question.kind is Kind.PAIR and found.claim == 1:
        singles = [
            other.claim
            for other in answers
            if other.question.kind is Kind.ALONE and other.question.factors[0] in found.question.factors
        ]
        if max(singles, default=1) < 1 and found.together is not None and found.together.low > 0:
            return ONLY_TOGETHER
    return SAYS[found.question.kind][found.claim]


def smallest(table: Table, answers: Sequence[Answer], *, interactions: bool) -> float | None:
    """The smallest true worth (or interaction) that would be claimed with 80% power at the strictest step of Holm's
    procedure, for the typical deviation over seeds; null where no claim is possible."""
    board = ablation_of(table)
    values = {row.entry.key: _values(row, board.metric) for row in table.rows}
    asked = [
        found for found in answers if found.question.kind.is_interaction == interactions and found.complete
    ]
    samples = [[*by_seed(_contrast(board, found.question.weights, values)).values()] for found in asked]
    if not samples or len(samples[0]) < MIN_SEEDS:
        return None
    deviation = max(typical_deviation(samples), resolution(table))
    seeds = len(samples[0])
    return noncentrality(seeds, board.alpha / len(answers), POWER) * deviation / math.sqrt(seeds)


def ablation_of(table: Table) -> Ablation:
    """The ablation that a table is of."""
    assert isinstance(table.board, Ablation)
    return table.board


def resolution(table: Table) -> float:
    """The smallest step of the metric: one example of its split, where it counts examples."""
    split = table.board.metric.partition("/")[0]
    return 1 / table.data.sizes[split] if table.data and is_error(table.board.metric) else 0.0


def _values(row: Row, metric: str) -> Values:
    return {record.seed: (record.metrics or {})[metric] for record in row.finished}


def _contrast(board: Ablation, weights: Sequence[tuple[str, int]], values: dict[str, Values]) -> Contrast:
    sign = -1.0 if board.direction == "min" else 1.0
    return [(sign * weight, values[key]) for key, weight in weights]


def _together(table: Table, question: Question, values: dict[str, Values]) -> Effect:
    """What both add to none: the variations that an interaction adds, the second taken away."""
    (both, _), (none, _) = question.weights[:2]
    contrast = _contrast(ablation_of(table), [(both, 1), (none, -1)], values)
    (found,) = effects([contrast], resolution=resolution(table))
    return found


def _cost(question: Question, rows: dict[str, Row], name: str) -> tuple[float, float] | None:
    """The seconds of that name that a trick adds, paired by seed, and as a share of those without it."""
    (more, _), (less, _) = question.weights
    seconds = [
        {
            record.seed: record.costs[name]
            for record in rows[key].finished
            if record.costs and name in record.costs
        }
        for key in (more, less)
    ]
    common = sorted(seconds[0].keys() & seconds[1].keys())
    without = math.fsum(seconds[1][seed] for seed in common)
    if without <= 0:
        return None
    added = math.fsum(seconds[0][seed] - seconds[1][seed] for seed in common)
    return added / len(common), added / without
