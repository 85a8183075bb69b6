"""The ImageNet challenge by year: printed digits, years and sources, and what is counted of the networks here."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.leaderboard.study_plot import alone
from podium.run.catalogue import Counted, Published, count, read_published
from podium.run.errors import ConfigError
from podium.run.ilsvrc import PICTURE_FILE, Years, named, picture, years
from podium.run.reference import count_referenced, pages

FOLDER = Path(__file__).parents[2] / "docs" / "catalogue"
FIRST = {"year": 2012, "system": "SuperVision", "error": "16.40", "source": "hu2017", "network": "alexnet"}


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published(FOLDER)


@pytest.fixture(scope="module")
def counted(published: Published) -> list[Counted]:
    return [count(published.entries[name]) for name in sorted(named(published))]


@pytest.fixture(scope="module")
def found(published: Published, counted: list[Counted]) -> Years:
    return years(published, counted)


def with_result(published: Published, change: Callable[[dict[str, Any]], object]) -> Published:
    """Years with one result, after a change of it."""
    result = dict(FIRST)
    change(result)
    return dataclasses.replace(published, years={**published.years, "results": [result]})


def test_every_result_stands_in_its_digits_with_year_and_source(found: Years) -> None:
    assert [(one.year, one.error, one.data, one.source.title.split(" ")[0]) for one in found.results] == [
        (2010, "28.2", "given", "Russakovsky"),
        (2011, "25.8", "given", "Russakovsky"),
        (2012, "16.4", "given", "Szegedy"),
        (2012, "15.3", "outside", "Szegedy"),
        (2013, "11.7", "given", "Szegedy"),
        (2013, "11.2", "outside", "Szegedy"),
        (2014, "7.3", "given", "Simonyan"),
        (2014, "6.7", "given", "Russakovsky"),
        (2015, "3.57", "given", "He"),
        (2016, "2.991", "given", "ILSVRC"),
        (2017, "2.251", "given", "Hu"),
    ]
    assert (found.person.error, found.person.source.link) == ("5.1", "https://arxiv.org/abs/1409.0575")


def test_the_networks_here_are_counted(found: Years) -> None:
    assert {one.network: (one.layers, one.parameters) for one in found.results} == {
        "–": ("–", "–"),
        "alexnet": ("8", "60,965,224"),
        "vgg19": ("19", "143,667,240"),
        "googlenet": ("22", "13,378,280"),
        "resnet152": ("152", "60,192,808"),
    }


def test_a_network_that_only_a_year_names_is_counted_too(published: Published) -> None:
    alone_there = dataclasses.replace(published, references={})
    assert {one.entry.name for one in count_referenced(alone_there)} == named(published)


def test_both_pages_show_every_result_and_the_person(found: Years) -> None:
    made = pages([], found)
    assert (
        "| 2012 | SuperVision (AlexNet) | 15.3 | outside | alexnet | 8 | 60,965,224 | "
        "[Szegedy et al. 2014, table 2](https://arxiv.org/abs/1409.4842) |"
    ) in made["reference.md"]
    assert f"]({PICTURE_FILE})" in made["reference.md"]
    for one in found.results:
        assert f"| {one.year} | {one.system} | {one.error} |" in made["reference.md"]
        assert f'<td>{one.system}</td><td class="n">{one.error}</td>' in made["reference.html"]
    assert all("A person made 5.1 (" in made[name] for name in ("reference.md", "reference.html"))


def test_the_picture_shows_every_figure_and_is_the_same_bytes_each_time(found: Years) -> None:
    svg = picture(found)
    assert svg == picture(found)
    words = [str(one.year) for one in found.results] + ["a person, 5.1", "152"]
    words += [text for one in found.results for text in (one.system, one.error)]
    assert [word for word in words if f">{word}</text>" not in svg] == []


def test_the_committed_picture_is_what_the_pipeline_draws_now(found: Years) -> None:
    committed = (FOLDER / PICTURE_FILE).read_text(encoding="utf-8")
    assert committed == alone(picture(found)), "run .venv/bin/python pipelines/reference.py"
    other = dataclasses.replace(found.results[0], error="28.3")
    assert committed != alone(picture(dataclasses.replace(found, results=(other, *found.results[1:]))))


def test_a_printed_zero_is_kept(published: Published, counted: list[Counted]) -> None:
    (one,) = years(with_result(published, lambda _: None), counted).results
    assert one.error == "16.40"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.pop("year"), r"must have year, system, error, source.* without year; add it"),
        (lambda one: one.pop("source"), r"must have year, system, error, source.* without source; add it"),
        (
            lambda one: one.update(outside=True),
            r"network or not, outside_data or not.* with outside; take it",
        ),
        (lambda one: one.update(year="2012a"), r"must have whole years, got 2012a .* write it as 2012"),
        (lambda one: one.update(error=16.4), r"errors from 0 to 100 in quotes, got 16\.4 .* write it as"),
        (lambda one: one.update(error="16,4"), r"errors from 0 to 100 in quotes, got 16,4 "),
        (lambda one: one.update(error="164"), r"errors from 0 to 100 in quotes, got 164 "),
        (lambda one: one.update(source="hu2018"), r"known sources, got hu2018 .* did you mean hu2017\?"),
        (lambda one: one.update(network="alexnets"), r"are counted, got alexnets .* did you mean alexnet\?"),
    ],
)
def test_a_wrong_result_is_one_line(
    published: Published, counted: list[Counted], change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        years(with_result(published, change), counted)
    assert str(error.value).startswith("the years of published.yaml must ")
    assert "\n" not in str(error.value)


def test_a_person_without_a_source_is_one_line(published: Published, counted: list[Counted]) -> None:
    person = {key: value for key, value in published.years["person"].items() if key != "source"}
    wrong = dataclasses.replace(published, years={**published.years, "person": person})
    with pytest.raises(ConfigError, match=r"must have error, source, about, got the person .* add it"):
        years(wrong, counted)
