import math

import pytest

from podium.run.errors import ConfigError
from podium.run.space import Choice, Interval, Range, divide, parse
from podium.sweep.space import (
    check_axes,
    distributions,
    draw,
    from_suggestion,
    grid,
    overrides,
    size,
    to_suggestion,
)

P = Interval("p", 0.0, 0.8, log=False, integer=False)
RATE = Interval("lr", 1e-4, 1e-1, log=True, integer=False)
WIDTH = Interval("width", 1.0, 9.0, log=False, integer=True)
NAME = Choice("initializer", ("he_normal", "zeros"))
STEPS = Range("epochs", ("1", "3", "5"))


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("a=x,y", Choice("a", ("x", "y"))),
        ("a=choice(x, [b,c], 1.0)", Choice("a", ("x", "[b,c]", "1.0"))),
        ("a=range(1,7,2)", Range("a", ("1", "3", "5"))),
        ("a=interval(0,0.8)", Interval("a", 0.0, 0.8, log=False, integer=False)),
        ("a=tag(log,interval(1e-4,1e-1))", Interval("a", 1e-4, 1e-1, log=True, integer=False)),
        ("a=int(interval(1,9))", Interval("a", 1.0, 9.0, log=False, integer=True)),
    ],
)
def test_hydras_sweep_syntax_is_the_search_space(text, axis):
    assert parse([text, "b=1", "tricks=[dropout]"]).axes == (axis,)
    assert parse([text, "b=1", "tricks=[dropout]"]).fixed == ("b=1", "tricks=[dropout]")


def test_a_later_override_of_the_same_key_counts():
    space = parse(["a=x,y", "b=1", "a=z"])
    assert space.axes == ()
    assert space.fixed == ("a=z", "b=1")


def test_a_sweeps_own_keys_are_told_apart_by_their_first_name():
    ours, runs = divide(
        ["search=random", "search.trials=3", "seeds=2", "searching=1", "a.search=2"],
        known={"search", "seeds"},
    )
    assert ours == ["search=random", "search.trials=3", "seeds=2"]
    assert runs == ["searching=1", "a.search=2"]


@pytest.mark.parametrize(
    "text",
    [
        "a=interval(0.8,0)",
        "a=tag(log,interval(0,1))",
        "a=glob(*)",
        "a=shuffle(1,2)",
        "a=x,x",
        "a=range(5,1)",
        "not an override",
        "a=choice(",
    ],
)
def test_a_bad_axis_is_one_clear_line(text):
    with pytest.raises(ConfigError) as caught:
        parse([text])
    assert "\n" not in str(caught.value)


def test_seeds_are_never_searched():
    with pytest.raises(ConfigError, match=r"seeds are replicates.*seeds=3"):
        check_axes([Choice("seed", ("1", "2"))])
    check_axes([NAME])


@pytest.mark.parametrize(
    "key", ["name", "runtime.threads", "paths.runs", "tracking.uri", "data.root", "+runtime.tags.x"]
)
def test_what_does_not_change_the_experiment_is_not_searched(key):
    with pytest.raises(ConfigError, match="does not change the experiment"):
        check_axes([Choice(key, ("1", "2"))])
    check_axes([Choice("data.batch_size", ("1", "2"))])


def test_a_grid_has_every_combination_and_refuses_intervals():
    assert grid([NAME, STEPS]) == [(n, e) for n in NAME.values for e in STEPS.values]
    with pytest.raises(ConfigError, match="search=random"):
        grid([NAME, P])


def test_draws_are_different_and_the_same_again_for_the_same_seed():
    points = draw([NAME, P], 20, 0)
    assert points == draw([NAME, P], 20, 0)
    assert points != draw([NAME, P], 20, 1)
    assert len(set(points)) == 20
    assert draw([NAME, P], 5, 0) == points[:5]


def test_draws_lie_in_their_intervals():
    for rate, width, p in draw([RATE, WIDTH, P], 300, 0):
        assert 1e-4 <= float(rate) <= 1e-1
        assert width in {str(k) for k in range(1, 10)}
        assert 0 <= float(p) <= 0.8
    rates = [math.log10(float(point[0])) for point in draw([RATE], 300, 0)]
    assert -2.7 < sum(rates) / 300 < -2.3


def test_a_small_space_is_drawn_whole():
    assert sorted(draw([NAME, STEPS], 20, 0)) == sorted(grid([NAME, STEPS]))
    assert size([NAME, STEPS]) == 6
    assert size([NAME, P]) == math.inf


def test_a_suggestion_and_its_line_name_the_same_point():
    axes = [NAME, STEPS, P, RATE, WIDTH]
    assert set(distributions(axes)) == {axis.key for axis in axes}
    point = from_suggestion(
        axes, {"initializer": "zeros", "epochs": 1, "p": 0.312345, "lr": 0.00123456, "width": 4}
    )
    assert overrides(axes, point) == ["initializer=zeros", "epochs=3", "p=0.3123", "lr=0.001235", "width=4"]
    assert from_suggestion(axes, to_suggestion(axes, point)) == point
