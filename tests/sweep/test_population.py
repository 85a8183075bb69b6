"""A population without Ray: a driver of a few lines is ended at each of its operations in turn."""

import json
import random
from statistics import fmean

import pytest

from podium.records.record import Status, entry_hash
from podium.run.errors import ConfigError
from podium.sweep.budget import epochs_of
from podium.sweep.command import check_configurations, publish, settle
from podium.sweep.lineage import line_of_best
from podium.sweep.plan import rungs
from podium.sweep.population import JOURNAL, Population, readable
from podium.sweep.tools import real_tools
from podium.sweep.trial import Trial, load

from . import fake
from .driver import EPOCHS, population_carried_out
from .populations import decisions, words


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Nobody pulls a plug here: what a kill leaves is in the page cache."""
    monkeypatch.setattr("os.fsync", lambda file: None)


@pytest.fixture
def population_of(plan_of):
    def made(name, *more):
        return plan_of(*words(name), *more)

    return made


def test_ended_at_any_operation_it_decides_as_one_that_never_was_and_trains_no_epoch_twice(population_of):
    whole, count = population_carried_out(population_of("whole"))
    trained = sum(map(len, fake.epochs_trained("runs-whole").values()))
    assert trained == 5 * EPOCHS * 2
    assert len(decisions(whole)) == 5
    assert count > 60
    for operations in range(1, count, 13):
        plan = population_of(f"cut{operations}")
        assert population_carried_out(plan, operations=operations)[0] is None
        again, _ = population_carried_out(plan)
        assert decisions(again) == decisions(whole), operations
        assert again.told == whole.told
        epochs = fake.epochs_trained(f"runs-cut{operations}").values()
        assert sum(map(len, epochs)) == trained


@pytest.mark.parametrize("keeps", [True, False], ids=["memory", "thrown-away"])
def test_what_was_decided_stays_decided_where_a_machine_would_measure_otherwise(
    population_of, monkeypatch, keeps
):
    plan = population_of("noisy")
    _, count = population_carried_out(population_of("whole"))
    population_carried_out(plan, operations=count // 2)
    first = Population(plan, stops=rungs(plan.search, EPOCHS), begin=lambda *_: None)
    assert len(first.generations) > 2
    if not keeps:
        (plan.folder / JOURNAL).unlink()
    value_of = fake.find

    def otherwise(config):
        record = value_of(config)
        if record is not None and record.history:
            noise = random.Random(record.run_key).random()
            record.history[fake.METRIC] = [[e, v + noise] for e, v in record.history[fake.METRIC]]
        return record

    monkeypatch.setattr(fake, "find", otherwise)
    again, _ = population_carried_out(plan)
    kept = decisions(again)[: len(first.generations)] == decisions(first)
    assert kept is keeps


def test_decisions_do_not_depend_on_who_is_first(population_of):
    one, _ = population_carried_out(population_of("one"))
    other, _ = population_carried_out(population_of("other"), order=lambda asked: asked[::-1])
    assert decisions(one) == decisions(other)


@pytest.fixture
def finished(population_of):
    """A population that came to its end, with its page."""
    plan = population_of("end")
    plan.claim()
    population, _ = population_carried_out(plan)
    settle(plan, fake.tools(), [], stopped=population.stopped(), ended=None)
    return plan, population, publish(plan)


def test_the_winners_line_is_its_whole_history_and_trained_alone_gives_the_same(
    finished, monkeypatch, tmp_path
):
    plan, population, result = finished
    assert result.complete
    point = tuple(result.best.outcome.point)
    assert point in {member.point for member in population.generations[-1]}
    (tmp_path / "elsewhere").mkdir()
    for replicate in result.best.outcome.replicates:
        config = fake.compose(plan.run_overrides(point, replicate.seed))
        assert entry_hash(config) == result.best.outcome.entry_hash
        alone = fake.train({**config, "paths": {"runs": str(tmp_path / "elsewhere")}})
        assert alone.metrics[fake.METRIC] == replicate.value
    assert "trainer.changes={" in result.command


def test_who_was_replaced_is_stopped_and_no_epoch_is_counted_twice(finished):
    plan, population, result = finished
    replaced = population.stopped()
    assert replaced
    statuses = {tuple(row.outcome.point): row.outcome.status for row in result.rows}
    assert {point for point, status in statuses.items() if status is Status.STOPPED} == replaced
    assert sum(status is Status.FINISHED for status in statuses.values()) == 5
    outcomes = load(plan.folder).values()
    assert sum(map(epochs_of, outcomes)) == 5 * EPOCHS * 2
    assert sum(r.epochs for o in outcomes for r in o.replicates) > 5 * EPOCHS * 2
    for point in replaced:
        records = [fake.find(fake.compose(plan.run_overrides(point, seed))) for seed in range(2)]
        assert [record.status for record in records] == ["stopped"] * 2


def test_page_tables_and_picture_tell_how_the_values_changed(finished):
    plan, population, result = finished
    page = (plan.folder / "index.html").read_text()
    assert "How the population trained" in page
    assert "<h2>Heat map</h2>" not in page
    assert readable(result.best.outcome.point[-1]) in page
    assert "from epoch 2 on " in (plan.folder / "table.md").read_text()
    assert result.best.outcome.point[-1] in (plan.folder / "table.csv").read_text().replace('""', '"')
    assert (plan.folder / "lineage.png").read_bytes().startswith(b"\x89PNG")
    line = line_of_best(result)
    assert population.generations[-1][line[-1]].point == tuple(result.best.outcome.point)
    for generation in range(1, len(line)):
        source = population.generations[generation][line[generation]].source
        assert line[generation - 1] == (line[generation] if source is None else source)
    assert json.loads((plan.folder / "sweep.json").read_text())["command"] == result.command


@pytest.mark.parametrize("metric_seed", [0, 1])
def test_it_beats_a_random_search_of_as_many_epochs_where_the_best_rate_falls(plan_of, metric_seed):
    toy = (
        "initializer=falling",
        "optimizer.lr=tag(log,interval(1e-3,1))",
        "seeds=1",
        f"search.seed={metric_seed}",
    )
    ours = plan_of(
        *toy, "search=pbt", "search.population=8", "search.every_epochs=1", "search.factors=[0.5,2]", "name=pbt",
    )  # fmt: skip
    population, _ = population_carried_out(ours)
    others = plan_of(*toy, "search=random", "search.trials=8", "name=random", "paths.runs=others")
    values = [Trial(others, point, fake.tools()).advance(None).value for point in others.points()]
    trained = [sum(map(len, fake.epochs_trained(runs).values())) for runs in ("runs", "others")]
    assert trained == [72, 72]
    best = min(value for (generation, _), value in population.told.items() if generation == 8)
    assert best < 0.7 * min(values)
    assert fmean(values) > min(values)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["optimizer.lr=0.1,0.2", "search.every_epochs=9"], "every_epochs must be below trainer.max_epochs=9"),
        (["optimizer.lr=0.1,0.2", "search.quantile=0.7"], "quantile must be above 0 and at most 0.5"),
        (["optimizer.lr=0.1,0.2", "search.factors=[]"], "factors must be positive"),
        (["optimizer.lr=0.1,0.2", "search.population=1"], "population must be at least 2"),
        (["optimizer.lr=0.1,0.2", "trainer.changes={1:{optimizer.lr:1}}"], "is what search=pbt finds"),
        (["trainer.max_epochs=3,4"], "trainer.max_epochs must be fixed"),
    ],
    ids=["every", "quantile", "factors", "population", "changes", "epochs"],
)  # fmt: skip
def test_a_wrong_population_is_refused_in_one_line(plan_of, arguments, says):
    with pytest.raises(ConfigError, match=says) as error:
        check_configurations(plan_of("search=pbt", *arguments), fake.tools())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["network.widths=[8],[16]"], "must change values of optimizer.*got network.widths"),
        (["optimizer.amsgrad=true,false"], "the optimizer's moments must stay"),
        (["tricks=[layer_rates]", "tricks.layer_rates.factor=interval(0.5,1)"], "the optimizer's groups must stay"),
        (["tricks=[dropout]", "tricks.dropout.p=interval(0.2,1)"], "tricks.dropout: p must"),
    ],
    ids=["network", "moments", "groups", "value"],
)  # fmt: skip
def test_an_axis_that_cannot_change_in_training_is_refused_before_any(plan_of, arguments, says):
    plan = plan_of("network=dense32", "tracking=none", "search=pbt", "seeds=1", *arguments)
    with pytest.raises(ConfigError, match=says):
        check_configurations(plan, real_tools())
    assert not list(plan.folder.parent.glob("**/record.json"))


def test_without_taking_over_every_member_trains_all_its_epochs(population_of, monkeypatch):
    """The prefix is what saves them: without it the same decisions cost more."""
    plan = population_of("from-start")
    whole, _ = population_carried_out(population_of("whole"))
    monkeypatch.setattr(fake, "share", lambda *configs: None)
    again, _ = population_carried_out(plan)
    assert decisions(again) == decisions(whole)
    assert again.told == whole.told
    assert sum(map(len, fake.epochs_trained("runs-from-start").values())) > 5 * EPOCHS * 2
