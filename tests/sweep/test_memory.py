"""The memory of a search without Ray: a driver of a few lines is ended after each of its operations in turn."""

import math

import pytest

from podium.run.errors import ConfigError
from podium.sweep.memory import JOURNAL, Memory, mend

from . import fake
from .driver import EPOCHS, carried_out

SPACE = ("initializer=he_normal,glorot_normal,zeros", "tricks.dropout.p=interval(0,0.8)")
SEARCHES = {
    "asha": ["search.trials=8"],
    "median": ["search.trials=8", "search.startup_trials=2", "search.every_epochs=2"],
    "hyperband": ["search.trials=10"],
    "optuna": ["search.trials=8", "search.startup_trials=3"],
    "pareto": ["search.trials=8", "search.startup_trials=3"],
}


@pytest.fixture
def search_of(plan_of):
    def made(kind, name):
        return plan_of(*SPACE, f"search={kind}", *SEARCHES[kind], "seeds=1", f"name={name}")

    return made


@pytest.mark.parametrize("kind", SEARCHES)
def test_a_search_that_ends_after_any_operation_decides_as_one_that_never_did(kind, search_of):
    whole = carried_out(search_of(kind, "whole"))
    assert len(whole) == search_of(kind, "whole").trials()
    for operations in range(1, 30, 6):
        plan = search_of(kind, f"cut{operations}")
        first = carried_out(plan, operations=operations)
        again = carried_out(plan)
        assert sorted(first + again) == sorted(whole), operations


@pytest.mark.parametrize("kind", ["asha", "median"])
def test_a_search_that_forgets_decides_otherwise(kind, search_of):
    whole = carried_out(search_of(kind, "whole"))
    differs = 0
    for operations in range(10, 25, 7):
        plan = search_of(kind, f"cut{operations}")
        first = carried_out(plan, operations=operations)
        (plan.folder / JOURNAL).unlink()
        again = carried_out(plan, over={number for number, _, _ in first})
        differs += sorted(first + again) != sorted(whole)
    assert differs > 0


@pytest.mark.parametrize("kind", ["asha", "median", "hyperband"])
def test_the_worse_are_stopped_and_the_best_is_not(kind, search_of):
    decisions = carried_out(search_of(kind, "whole"))
    stopped = [point for _, point, how in decisions if how != "finished"]
    assert 2 <= len(stopped) < len(decisions)
    best = min(decisions, key=lambda d: 0.2 * (float(d[1][1]) - 0.3) ** 2 + fake.BASE[d[1][0]])
    assert kind == "hyperband" or best[2] == "finished"


def test_hyperband_stops_at_later_rungs_in_its_other_brackets(plan_of):
    plan = plan_of(*SPACE, "search=hyperband", "search.trials=30", "seeds=1", "name=many")
    how = {how for _, _, how in carried_out(plan)}
    assert how == {"stopped at 1", "stopped at 3", "finished"}


def test_median_stopping_waits_for_the_first_to_finish(plan_of):
    plan = plan_of(
        *SPACE, "search=median", "search.startup_trials=6", "search.trials=12", "seeds=1", "name=w"
    )
    decisions = carried_out(plan, at_once=1)
    assert all(how == "finished" for _, _, how in decisions[:6])
    assert any(how != "finished" for _, _, how in decisions[6:])


def test_a_failure_is_over_and_teaches_the_search_that_it_is_worst(plan_of):
    plan = plan_of(
        *SPACE, "search=optuna", "search.trials=30", "search.startup_trials=8", "seeds=1", "name=f"
    )
    memory = Memory(plan, max_epochs=EPOCHS)
    late = []
    while (asked := memory.ask()) is not None:
        number, point = asked
        memory.tell(number, [0.5 if point[0] == "zeros" else math.nan])
        late += [point[0]] if number >= 15 else []
    assert late.count("zeros") > len(late) / 2
    assert memory.open() == 0


def test_what_is_not_told_comes_again_and_before_anything_new(search_of):
    plan = search_of("asha", "again")
    first = Memory(plan, max_epochs=EPOCHS)
    asked = [first.ask() for _ in range(3)]
    first.tell(1, [0.1])
    second = Memory(plan, max_epochs=EPOCHS)
    assert second.open() == 7
    assert [second.ask() for _ in range(3)] == [asked[0], asked[2], (3, plan.points()[3])]


def test_half_a_line_and_a_lock_that_a_kill_left_are_mended(search_of):
    plan = search_of("optuna", "torn")
    first = Memory(plan, max_epochs=EPOCHS).ask()
    path = plan.folder / JOURNAL
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 5, "work')
    (plan.folder / f"{JOURNAL}.lock").symlink_to(path)
    assert Memory(plan, max_epochs=EPOCHS).ask() == first
    assert path.read_bytes().startswith(whole)


def test_half_a_line_that_is_not_mended_spoils_the_journal(search_of, monkeypatch):
    monkeypatch.setattr("podium.sweep.memory.mend", lambda path: None)
    plan = search_of("optuna", "torn")
    Memory(plan, max_epochs=EPOCHS).ask()
    with (plan.folder / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": 5, "work')
    memory = Memory(plan, max_epochs=EPOCHS)
    with pytest.raises(ValueError, match=r"JSON|delimiter|log format"):
        [memory.ask() for _ in range(3)]


def test_a_damaged_journal_is_named(search_of):
    plan = search_of("optuna", "damaged")
    plan.folder.mkdir(parents=True)
    (plan.folder / JOURNAL).write_text("no journal\nat all\n")
    with pytest.raises(ConfigError, match=r"search\.log must be the journal.*delete it"):
        Memory(plan, max_epochs=EPOCHS)
    mend(plan.folder / "nothing")
