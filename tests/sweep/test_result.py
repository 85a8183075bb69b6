import json
from dataclasses import replace

import pytest

from podium.records.record import Status
from podium.run.space import Interval
from podium.sweep import heatmap
from podium.sweep.command import check_configurations, is_done, preview, publish, settle, summary
from podium.sweep.importance import importance
from podium.sweep.result import interval_of, is_complete, make_rows, to_csv
from podium.sweep.space import draw
from podium.sweep.trial import Trial, load

from . import fake


def carried_out(plan, points=None):
    for point in points if points is not None else plan.points():
        Trial(plan, tuple(point), fake.tools()).advance(None)
    return plan


@pytest.fixture
def grid_plan(plan_of):
    return plan_of("initializer=he_normal,zeros,diverge", "tricks.dropout.p=0.1,0.3,0.5", "name=grid")


def test_the_table_ranks_the_finished_and_shows_the_failed(grid_plan):
    result = publish(carried_out(grid_plan))
    assert [row.rank for row in result.rows] == [1, 2, 3, 4, 5, 6, None, None, None]
    assert result.best.outcome.line == "initializer=he_normal tricks.dropout.p=0.3"
    assert result.command == "podium train initializer=he_normal tricks.dropout.p=0.3"
    assert [row.outcome.status for row in result.rows[6:]] == ["failed"] * 3
    assert to_csv(result).count("the loss was NaN") == 3
    assert result.complete
    assert is_complete(grid_plan)
    text = summary(result)
    assert "6 finished, 3 failed" in text
    assert result.command in text


def test_the_largest_wins_when_larger_is_better(plan_of):
    plan = plan_of("initializer=he_normal,zeros", "mode=max", "name=largest")
    rows = make_rows(plan, load(carried_out(plan).folder))
    assert rows[0].outcome.line == "initializer=zeros"


def test_the_files_are_the_same_bytes_when_built_again(grid_plan):
    publish(carried_out(grid_plan))
    names = ["sweep.json", "table.csv", "table.md", "index.html", "heatmap.png"]
    before = [(grid_plan.folder / name).read_bytes() for name in names]
    publish(grid_plan)
    assert [(grid_plan.folder / name).read_bytes() for name in names] == before
    assert json.loads(before[0])["trials"][0]["replicates"][2]["seed"] == 2


def test_a_sweep_with_a_missing_trial_is_not_complete(grid_plan):
    result = publish(carried_out(grid_plan, grid_plan.points()[:-1]))
    assert not result.complete
    assert "not finished" in (grid_plan.folder / "index.html").read_text()


def test_a_finished_sweep_is_done_until_a_trial_is_taken_away(grid_plan, plan_of):
    assert not is_done(grid_plan)
    grid_plan.claim()
    publish(carried_out(grid_plan))
    assert is_done(grid_plan)
    other = plan_of("initializer=he_normal,zeros", "name=grid")
    with pytest.raises(ValueError, match="another name="):
        is_done(other)
    next((grid_plan.folder / "trials").glob("*.json")).unlink()
    assert not is_done(grid_plan)


def test_what_the_search_stopped_is_stopped_and_not_failed(grid_plan):
    trial = Trial(grid_plan, ("he_normal", "0.1"), fake.tools())
    trial.advance(3)
    assert [fake.find(trial.config(seed, None)).status for seed in range(3)] == ["paused"] * 3
    settle(grid_plan, fake.tools(), [], stopped=[], ended=None)
    (outcome,) = load(grid_plan.folder).values()
    assert outcome.status is Status.STOPPED
    assert outcome.reason is None
    assert [fake.find(trial.config(seed, None)).status for seed in range(3)] == ["stopped"] * 3
    assert "stopped after 3 epochs" in summary(publish(grid_plan))
    assert "after 3 epochs" in (grid_plan.folder / "index.html").read_text()


def test_a_trial_that_lost_its_worker_is_failed_with_its_reason(grid_plan):
    settle(grid_plan, fake.tools(), [(("he_normal", "0.1"), "it was killed")], stopped=[], ended=None)
    (outcome,) = load(grid_plan.folder).values()
    assert outcome.status is Status.FAILED
    assert "it was killed" in outcome.reason


def test_intervals_need_two_values():
    assert interval_of([0.1]) is None
    low, high = interval_of([0.1, 0.2, 0.3])
    assert low < 0.2 < high


def test_importance_finds_the_axis_that_matters_and_says_when_it_cannot(grid_plan):
    carried_out(grid_plan)
    outcomes = list(load(grid_plan.folder).values())
    shares, unknown = importance(grid_plan, outcomes)
    assert unknown is None
    assert list(shares) == ["initializer", "tricks.dropout.p"]
    assert shares["initializer"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    assert importance(grid_plan, outcomes[:2])[1] is not None
    same = [replace(o, value=0.5) for o in outcomes if o.value is not None]
    assert importance(grid_plan, same)[1] is not None


@pytest.mark.timeout(120)  # by the names of thirty choices it would take years
def test_importance_of_many_choices_and_many_trials_is_soon_found(plan_of):
    plan = plan_of(
        "initializer=he_normal,glorot_normal,zeros", f"tricks.dropout.p={','.join(str(k / 40) for k in range(30))}",
        "name=long",
    )  # fmt: skip
    (first,) = load(carried_out(plan, plan.points()[:1]).folder).values()
    values = {"he_normal": 0.1, "glorot_normal": 0.2, "zeros": 0.8}
    outcomes = [
        replace(
            first, point=list(point), line=plan.line(point), value=values[point[0]] + float(point[1]) / 100
        )
        for point in plan.points()
    ]
    shares, unknown = importance(plan, outcomes)
    assert unknown is None
    assert shares["initializer"] > 0.95
    assert shares["initializer"] > shares["tricks.dropout.p"] > 0


def test_a_cell_has_the_mean_the_interval_and_the_seeds(grid_plan):
    rows = make_rows(grid_plan, load(carried_out(grid_plan).folder))
    ((x, y),) = heatmap.pairs(grid_plan.axes, [])
    shown = heatmap.heat_map(grid_plan, rows, x, y)
    cell = shown.cells[0][1]
    assert (cell.configurations, cell.seeds) == (1, 3)
    assert cell.mean == pytest.approx(rows[0].outcome.value)
    assert cell.interval == rows[0].interval
    assert shown.cells[2][0].failed == 1
    assert shown.cells[2][0].mean is None
    assert heatmap.picture(grid_plan, shown).startswith(b"\x89PNG")


def test_an_interval_is_binned_and_every_configuration_has_its_cell(plan_of):
    plan = plan_of(
        "initializer=he_normal,zeros", "tricks.dropout.p=interval(0,0.8)", "search=random", "name=b"
    )
    rows = make_rows(plan, load(carried_out(plan).folder))
    ((x, y),) = heatmap.pairs(plan.axes, [])
    shown = heatmap.heat_map(plan, rows, x, y)
    assert sum(cell.configurations for line in shown.cells for cell in line) == 20
    assert "divided into bins" in heatmap.caption(plan, shown)
    side = heatmap._side(Interval("lr", 1e-4, 1e-1, log=True, integer=False), 9)
    axis = Interval("lr", 1e-4, 1e-1, log=True, integer=False)
    assert [side.place(text, axis) for text in ("0.0001", "0.0011", "0.1")] == [0, 1, 2]


def test_one_axis_makes_a_map_of_one_row_and_three_make_three(plan_of):
    one = plan_of("initializer=he_normal,zeros", "name=one")
    result = publish(carried_out(one))
    assert result.complete
    three = plan_of(
        "initializer=he_normal,zeros", "tricks.dropout.p=0.1,0.3", "trainer.max_epochs=1,2", "name=three"
    )
    assert len(heatmap.pairs(three.axes, [])) == 3
    rows = make_rows(three, load(carried_out(three).folder))
    shown = heatmap.heat_map(three, rows, three.axes[1], three.axes[0])
    assert shown.averaged == ["trainer.max_epochs"]
    assert {cell.configurations for line in shown.cells for cell in line} == {2}


def test_hostile_text_is_shown_as_text(grid_plan):
    carried_out(grid_plan, grid_plan.points()[:2])
    evil = "<script>alert(1)</script>|x"
    for outcome in load(grid_plan.folder).values():
        replace(outcome, status=Status.FAILED, reason=evil, value=None).save(grid_plan.folder)
    publish(grid_plan)
    page = (grid_plan.folder / "index.html").read_text()
    assert evil not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in (grid_plan.folder / "table.md").read_text()


def test_the_page_needs_nothing_from_elsewhere(grid_plan):
    publish(carried_out(grid_plan))
    page = (grid_plan.folder / "index.html").read_text()
    assert "http" not in page.replace("https://proceedings", "")
    assert "data:image/png;base64," in page


def test_a_dry_run_shows_the_trials_and_the_time(plan_of):
    plan = plan_of("initializer=he_normal,zeros", "tricks.dropout.p=0.1,0.3", "cluster.cpus=2", "name=dry")
    configs = check_configurations(plan, fake.tools())
    text = preview(plan, configs[0], lambda config: 100.0)
    assert text.count("initializer=") == 4
    assert "12 runs, 2 at a time: about 10 min" in text
    assert not plan.folder.exists()


def test_two_configurations_that_are_one_experiment_are_refused(plan_of):
    plan = plan_of("tricks.dropout.p=0.1,0.5", "name=twice")
    deaf = replace(fake.tools(), compose=lambda overrides: fake.compose([]))
    with pytest.raises(ValueError, match=r"must differ.*p=0.1 and tricks.dropout.p=0.5"):
        check_configurations(plan, deaf)
    assert len(check_configurations(plan, fake.tools())) == 2


def test_a_wrong_value_stops_a_sweep_before_anything_runs(plan_of):
    plan = plan_of("initializer=he_normal,zeros", "nosuch.key=1", "name=wrong")
    with pytest.raises(ValueError, match=r"nosuch\.key"):
        check_configurations(plan, fake.tools())


def test_draws_of_a_search_without_a_list_try_every_choice(plan_of):
    plan = plan_of(
        "initializer=he_normal,zeros,explode", "tricks.dropout.p=interval(0,1)", "search=optuna", "name=o"
    )
    assert plan.points() == []
    tried = {config["initializer"] for config in check_configurations(plan, fake.tools())}
    assert tried == {"he_normal", "zeros", "explode"}
    assert len(draw(plan.axes, 1, 0)) == 1
