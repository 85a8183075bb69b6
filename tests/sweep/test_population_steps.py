"""What one step of a population decides, and the journal that keeps it: told by hand, nothing is trained."""

import math
from dataclasses import replace

import pytest

from podium.run.errors import ConfigError
from podium.sweep.plan import rungs
from podium.sweep.population import JOURNAL, Member, Population, next_generation, readable, written

from .driver import EPOCHS
from .populations import decisions, words


def test_the_worst_go_on_from_the_best_with_other_values_and_the_others_as_they_are(plan_of):
    plan = plan_of(*words("p"), "search.resample=0")
    members = [Member(point[:-1], (), None) for point in plan.points()]
    after = next_generation(plan, members, [0.3, 0.1, 0.5, 0.2, 0.4], number=1, epochs=2)
    assert [member.source is None for member in after] == [True, True, False, True, False]
    assert [after[k].point for k in (0, 1, 3)] == [members[k].point for k in (0, 1, 3)]
    for k in (2, 4):
        assert after[k].source in (1, 3)
        before = members[after[k].source]
        assert after[k].base == before.base
        ((epoch, values),) = after[k].changes
        assert epoch == 2
        assert values.keys() <= {"tricks.dropout.p", "optimizer.lr"}
        for text, old in zip(after[k].values(plan.axes), before.values(plan.axes), strict=True):
            at_an_end = float(text) in (0.8, 1.0, 0.001)
            factor = round(float(text) / float(old), 2)
            assert at_an_end or factor in (0.8, 1.2)
    assert after == next_generation(plan, members, [0.3, 0.1, 0.5, 0.2, 0.4], number=1, epochs=2)
    assert after != next_generation(plan, members, [0.3, 0.1, 0.5, 0.2, 0.4], number=2, epochs=2)
    largest = next_generation(
        replace(plan, mode="max"), members, [0.3, 0.1, 0.5, 0.2, 0.4], number=1, epochs=2
    )
    assert [member.source is None for member in largest] == [True, False, True, False, True]


def test_later_changes_come_behind_those_of_the_better_one(plan_of):
    plan = plan_of(*words("p"))
    members = [Member(point[:-1], ((2, {"optimizer.lr": "0.5"}),), None) for point in plan.points()]
    after = next_generation(plan, members, [0.1, 0.2, 0.3, 0.4, 0.5], number=2, epochs=4)
    assert [[epoch for epoch, _ in member.changes] for member in after] == [[2], [2], [2], [2, 4], [2, 4]]
    assert after[4].point[-1].startswith("{2:{optimizer.lr:0.5},4:{")
    assert readable("{2:{optimizer.lr:0.5},4:{optimizer.lr:0.4,tricks.dropout.p:0.1}}") == (
        "from epoch 2 on optimizer.lr=0.5; from epoch 4 on optimizer.lr=0.4, tricks.dropout.p=0.1"
    )
    assert written(()) == readable("") == ""


def test_choices_and_whole_numbers_move_to_a_neighbour(plan_of):
    plan = plan_of(
        "tricks.dropout.p=0.1,0.2,0.3", "optimizer.lr=int(interval(1,3))", "search=pbt", "search.population=4",
        "search.resample=0", "name=p",
    )  # fmt: skip
    members = [Member(("0.2", "2"), (), None)] + [Member(("0.1", "1"), (), None)] * 3
    seen = {
        next_generation(plan, members, [0.1, 0.2, 0.3, 0.4], number=k, epochs=2)[3].values(plan.axes)
        for k in range(40)
    }
    assert {texts[0] for texts in seen} == {"0.1", "0.3"}
    assert {texts[1] for texts in seen} == {"1", "3"}


def test_a_member_that_failed_is_replaced_and_when_all_fail_it_is_over(plan_of):
    plan = plan_of(*words("f"), "search.quantile=0.2")
    members = [Member(point[:-1], (), None) for point in plan.points()]
    after = next_generation(plan, members, [math.nan, 0.1, math.nan, 0.2, 0.3], number=1, epochs=2)
    assert [member.source for member in after] == [1, None, 1, None, 1]
    population = Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None)
    for number in range(5):
        assert population.ask()[0] == number
    for number in range(5):
        assert population.waits()
        population.lose(number)
    assert population.open() == 0
    assert not population.waits()
    assert population.ask() is None
    again = Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None)
    assert (again.open(), again.ask()) == (0, None)


def test_a_member_lets_the_others_wait_only_until_all_were_told_of(plan_of):
    plan = plan_of(*words("w"))
    population = Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None)
    assert population.open() == 25
    asked = [population.ask() for _ in range(5)]
    assert [number for number, _ in asked] == [0, 1, 2, 3, 4]
    for number in (4, 0, 2, 1):
        population.tell(number, [0.1 * number])
        assert population.ask() is None
    population.tell(3, [0.9])
    assert population.open() == 20
    assert population.ask()[0] == 5
    again = Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None)
    assert decisions(again) == decisions(population)
    assert again.ask()[0] == 5


def test_tune_waits_for_the_others_and_a_lost_worker_does_not_hold_them_up(plan_of):
    from podium.sweep.budget import Ledger
    from podium.sweep.guide import VALUE, Next, Work

    plan = plan_of(*words("tune"), "search.every_epochs=5")
    population = Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None)
    work = Work(plan=plan, source=population, ledger=Ledger(plan, {}), bar=None)
    with work.under_way():
        guide = Next("min")
        assert [guide.suggest(str(k))["number"] for k in range(5)] == [0, 1, 2, 3, 4]
        assert guide.suggest("5") is None
        for k in range(4):
            guide.on_trial_complete(str(k), {VALUE: 0.1 * k, "final": True})
        assert guide.suggest("5") is None
        guide.on_trial_complete("4", error=True)
        assert [guide.suggest(str(k))["number"] for k in range(5, 10)] == [5, 6, 7, 8, 9]
        assert population.generations[1][4].source is not None
        assert guide.suggest("10") is None
        for k in range(5, 10):
            guide.on_trial_complete(str(k), {VALUE: 0.1, "final": True})
        assert guide.suggest("10") == "FINISHED"


def test_half_a_line_is_mended_and_a_damaged_journal_is_named(plan_of):
    plan = plan_of(*words("torn"))
    population = Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None)
    population.tell(0, [0.5])
    path = plan.folder / JOURNAL
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"told": [0, 1], "va')
    assert Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None).told == {(0, 0): 0.5}
    assert path.read_bytes() == whole
    path.write_text("no journal\n")
    with pytest.raises(ConfigError, match=r"population\.jsonl must be the journal.*delete it"):
        Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None)
