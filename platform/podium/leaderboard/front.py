"""Pareto fronts that respect what seeds can tell: nothing falls behind on a difference that no test has found."""

from podium.leaderboard.table import Table

COSTS = {"parameters": "Parameters", "multiply_adds": "Multiply-adds for one image"}


def undominated(table: Table, cost: str) -> list[int]:
    """The numbers of the ranked rows that no other beats: one that costs no more and is significantly better.

    Better is what ranks rest on, the corrected paired test: a smaller mean alone beats nothing.
    """
    costs = {row.number: row.cost(cost) for row in table.rows if row.rank is not None}
    beaten = set()
    for claim in table.claims:
        first_is_better = (claim.difference < 0) == (table.board.direction == "min")
        better, worse = (claim.first, claim.second) if first_is_better else (claim.second, claim.first)
        one, other = costs.get(better), costs.get(worse)
        if one is not None and other is not None and one <= other:
            beaten.add(worse)
    return [number for number, value in costs.items() if value is not None and number not in beaten]


def fronts(table: Table) -> dict[str, list[int]]:
    """The front of each cost that rows have."""
    return {cost: found for cost in COSTS if (found := undominated(table, cost))}
