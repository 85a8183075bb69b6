"""The model of docs/scaling.md: a queue that agrees with the formulas that exist, and with sweeps that were run."""

import dataclasses
import re
import runpy
import sys
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

TOP = Path(__file__).parents[1]
SCRIPT = TOP / "pipelines" / "simulate_sweeps.py"
PAGE = TOP / "docs" / "scaling.md"


@pytest.fixture(scope="module")
def model():
    loaded = runpy.run_path(str(SCRIPT), run_name="simulate_sweeps")
    return type(
        "Model", (), {name: staticmethod(one) if callable(one) else one for name, one in loaded.items()}
    )


@pytest.fixture(scope="module", autouse=True)
def known_by_its_name():
    """Dataclasses look their module up."""
    sys.modules["simulate_sweeps"] = type(sys)("simulate_sweeps")
    yield
    del sys.modules["simulate_sweeps"]


@pytest.mark.parametrize(("workers", "training_s"), [(1, 1.0), (10, 5.0), (1000, 30.0)])
def test_trials_of_equal_length_take_what_a_line_of_arithmetic_says(model, workers, training_s):
    sweep = model.Sweep(20 * workers, workers, training_s)
    simulated = model.simulate(sweep, model.MEASURED, spread=0.0).seconds
    assert simulated == pytest.approx(model.straight(sweep, model.MEASURED), rel=0.05)


def test_where_the_driver_is_the_narrowest_it_alone_decides(model):
    sweep = model.Sweep(5000, 1000, 1.0)
    found = model.queue(1000, 5000, first_s=0.0, work=repeat(1.0), service=repeat(0.014))
    assert found.seconds == pytest.approx(5000 * 0.014, rel=0.03)
    assert found.driver_share > 0.97
    assert found.wait_s == pytest.approx(1000 * 0.014 - 1.0, rel=0.1)
    busy = model.simulate(sweep, model.MEASURED, spread=0.3)
    idle = model.simulate(dataclasses.replace(sweep, training_s=600.0), model.MEASURED, spread=0.3)
    assert busy.driver_share > idle.driver_share


@pytest.mark.parametrize("workers", [1, 5, 20])
@pytest.mark.parametrize("service_s", [0.02, 0.1])
def test_exponential_times_give_erlangs_rate(model, workers, service_s):
    trials, generator = 40_000, np.random.default_rng(1)
    work, service = (iter(generator.exponential(mean, trials)) for mean in (1.0, service_s))
    found = model.queue(workers, trials, first_s=0.0, work=work, service=service)
    told = model.repairmen(workers, work_s=1.0, service_s=service_s)
    assert trials / found.seconds == pytest.approx(told, rel=0.02)


def test_a_queue_without_waiting_would_not_agree_with_erlang(model):
    told = model.repairmen(20, work_s=1.0, service_s=0.1)
    assert 1.5 * told < 20 / 1.1


def test_the_model_tells_the_seconds_of_sweeps_that_were_run(model):
    for trials, real in model.CHECKED.items():
        told = model.straight(model.Sweep(trials, 1, model.SHORT_S), model.MEASURED)
        assert told == pytest.approx(real, rel=0.15), trials


def test_the_search_for_runs_makes_each_further_trial_dearer(model):
    cost = model.MEASURED
    without = dataclasses.replace(cost, search_s=0.0)
    few, many = (model.Sweep(trials, 1, 1.0) for trials in (100, 100_000))
    assert model.straight(few, cost) == pytest.approx(model.straight(few, without), rel=0.01)
    assert model.straight(many, cost) > 1.1 * model.straight(many, without)


def test_every_figure_is_measured_positive_and_has_its_source(model):
    names = [name for group in model.BY for name in group.split(", ")]
    assert sorted(names) == sorted(field.name for field in dataclasses.fields(model.MEASURED))
    for name in names:
        value = getattr(model.MEASURED, name)
        assert min(value.values() if isinstance(value, dict) else [value]) > 0, name
    for source in set(model.BY.values()) - {"du"}:
        assert (TOP / "tests" / "benchmarks" / f"{source}.py").is_file()


def test_the_page_and_its_picture_are_what_the_script_makes(model):
    def words(text):
        return re.sub(r"-?\d[\d,.]*", "0", text)

    assert words(model.page(model.MEASURED)) == words(PAGE.read_text(encoding="utf-8"))
    svg = model.PICTURE.read_text(encoding="utf-8")
    for told in ("GPUs", "trials an hour", "driver", "MLflow, SQLite"):
        assert told in svg


TOLD = {0.0123: "12.3 ms", 1.047: "1.0 s", 100.0: "1.7 min", 1e4: "2.8 h", 2e5: "2.3 d"}


@pytest.mark.parametrize("seconds", TOLD)
def test_seconds_are_told_in_a_unit_that_fits(model, seconds):
    assert model.shown(seconds) == TOLD[seconds]
