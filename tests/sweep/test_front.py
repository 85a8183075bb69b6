import csv
import io
import json

import pytest

from podium.run.errors import ConfigError
from podium.sweep.command import publish, summary
from podium.sweep.front import cost_shown, listed
from podium.sweep.result import make_rows, to_csv
from podium.sweep.trial import Trial, load

from . import fake

POINTS = ["0.0", "0.2", "0.3", "0.5", "0.6", "0.8"]


@pytest.fixture
def result_of(plan_of):
    def made(*arguments, points=POINTS):
        plan = plan_of(
            "initializer=he_normal,zeros,diverge", "tricks.dropout.p=interval(0,0.8)", "search=pareto",
            "name=front", *arguments,
        )  # fmt: skip
        for initializer in ("he_normal", "zeros", "diverge"):
            for p in points:
                Trial(plan, (initializer, p), fake.tools()).advance(None)
        return publish(plan)

    return made


def test_the_front_is_what_no_other_beats_in_one_aim_without_losing_in_the_other(result_of):
    result = result_of()
    finished = [row for row in result.rows if row.rank is not None]
    assert len(finished) == 12
    beaten = {
        row.number
        for row in finished
        for other in finished
        if other.cost <= row.cost
        and other.outcome.value <= row.outcome.value
        and (other.cost, other.outcome.value) != (row.cost, row.outcome.value)
    }
    assert {row.number for row in result.front} == {row.number for row in finished} - beaten
    assert [row.outcome.point for row in result.front] == [
        ["he_normal", p] for p in ("0.8", "0.6", "0.5", "0.3")
    ]
    assert [row.cost for row in result.front] == pytest.approx([2e5, 4e5, 5e5, 7e5])


def test_the_front_follows_the_mode(result_of):
    assert {row.outcome.point[0] for row in result_of("mode=max").front} == {"zeros"}


def test_page_table_and_terminal_show_the_front_with_the_command_of_each(result_of):
    result = result_of()
    page = (result.plan.folder / "index.html").read_text()
    assert (result.plan.folder / "front.png").read_bytes().startswith(b"\x89PNG")
    for row in result.front:
        assert f"<code>{result.plan.command(tuple(row.outcome.point))}</code>" in page
    assert "multiply-adds of one example" in page
    rows = list(csv.DictReader(io.StringIO(to_csv(result))))
    assert [row["front"] for row in rows].count("yes") == 4
    trials = json.loads((result.plan.folder / "sweep.json").read_text())["trials"]
    assert sum(trial["front"] for trial in trials) == 4
    assert len(listed(result)) == 5
    assert listed(result)[1] in summary(result)


def test_a_sweep_with_one_aim_has_no_front(plan_of):
    plan = plan_of("initializer=he_normal,zeros", "name=one")
    for point in plan.points():
        Trial(plan, point, fake.tools()).advance(None)
    result = publish(plan)
    assert result.front == []
    assert "Error against cost" not in (plan.folder / "index.html").read_text()
    assert not (plan.folder / "front.png").exists()


def test_a_cost_that_a_seed_lacks_is_no_cost(result_of):
    result = result_of(points=["0.3"])
    folder = result.plan.folder
    outcome = next(o for o in load(folder).values() if o.value is not None)
    assert outcome.cost("multiply_adds") == pytest.approx(7e5)
    assert outcome.cost("peak_memory_mib") is None
    assert all(row.cost is None for row in make_rows(result.plan, load(folder)) if row.rank is None)


def test_an_unknown_cost_is_refused(plan_of):
    with pytest.raises(ConfigError, match=r"search\.cost"):
        plan_of("initializer=he_normal,zeros", "search=pareto", "search.cost=money")


def test_costs_are_for_people():
    assert [cost_shown(cost) for cost in (None, 1234567.0, 12.0, 0.12345)] == [
        "–",
        "1,234,567",
        "12",
        "0.123",
    ]
