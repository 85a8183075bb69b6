import csv
import io
import json
import os
import signal
from dataclasses import replace

import pytest

from podium.run.benchmark import benchmark_command, measured, planned
from podium.run.errors import ConfigError
from podium.run.interrupts import Interrupted

BASE = [
    "network=linear,dense32",
    "data=digits",
    "data.batch_size=4,8",
    "tracking=none",
    "runtime.accelerator=cpu",
]


class Fake:
    """Made-up speeds that say which row was asked for, and when."""

    def __init__(self):
        self.asked = []

    def __call__(self, config, *, seconds):
        self.asked.append((config["name"], config["data"]["batch_size"]))
        speed = 100.0 * len(self.asked)
        return {
            "train_images_per_s": speed,
            "inference_images_per_s": 3 * speed,
            "peak_memory_mib": 5.0,
        }


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Four rows that nothing was measured of."""
    return planned(BASE, seconds=0.01, folder=tmp_path_factory.mktemp("none"), again=False)


def test_each_combination_is_a_row(plain):
    assert [(row.name, row.config["data"]["batch_size"]) for row in plain] == [
        ("linear", 4),
        ("linear", 8),
        ("dense32", 4),
        ("dense32", 8),
    ]
    assert plain[0].costs["parameters"] == 650


def test_values_that_no_column_shows_are_in_the_name(tmp_path):
    rows = planned(["network=dense32", "network.widths=[8],[16]"], seconds=0.1, folder=tmp_path, again=False)
    assert [row.name for row in rows] == ["dense32 network.widths=[8]", "dense32 network.widths=[16]"]


def test_repeats_of_different_rows_take_turns(plain, tmp_path):
    fake = Fake()
    rows = measured(plain, repeats=2, folder=tmp_path, measure=fake)
    assert fake.asked[:4] == fake.asked[4:]
    assert [row.spread("train_images_per_s").median for row in rows] == [300, 400, 500, 600]


def test_what_was_measured_is_not_measured_again_unless_asked(plain, tmp_path):
    measured(plain, repeats=2, folder=tmp_path, measure=Fake())
    fake = Fake()
    known = planned(BASE, seconds=0.01, folder=tmp_path, again=False)
    rows = measured(known, repeats=3, folder=tmp_path, measure=fake)
    assert len(fake.asked) == 4
    assert [len(row.repeats) for row in rows] == [3, 3, 3, 3]
    anew = planned(BASE, seconds=0.01, folder=tmp_path, again=True)
    assert [row.repeats for row in anew] == [(), (), (), ()]


def test_another_length_of_a_repeat_or_another_machine_is_another_row(plain, tmp_path):
    measured(plain[:1], repeats=1, folder=tmp_path, measure=Fake())
    longer = planned(BASE, seconds=0.02, folder=tmp_path, again=False)
    assert longer[0].repeats == ()
    moved = replace(plain[0], environment=replace(plain[0].environment, cpu="another"))
    assert moved.found(tmp_path).repeats == ()
    assert len(plain[0].found(tmp_path).repeats) == 1


def test_an_interrupted_benchmark_goes_on_where_it_stopped(plain, tmp_path):
    fake = Fake()

    def stopped(config, *, seconds):
        if len(fake.asked) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return fake(config, seconds=seconds)

    with pytest.raises(Interrupted):
        measured(plain, repeats=2, folder=tmp_path, measure=stopped)
    assert len(fake.asked) == 2  # the repeat under way was kept
    rest = Fake()
    measured([row.found(tmp_path) for row in plain], repeats=2, folder=tmp_path, measure=rest)
    assert len(rest.asked) == 6


def test_a_damaged_row_is_named(plain, tmp_path):
    measured(plain[:1], repeats=1, folder=tmp_path, measure=Fake())
    (file,) = tmp_path.iterdir()
    file.write_text("{}")
    with pytest.raises(ConfigError, match=r"must be a row of speeds, got .*; delete it"):
        planned(BASE, seconds=0.01, folder=tmp_path, again=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["network=linear,lenet9"], "network=lenet9 is not in conf/network"),
        (["data.batch_size=interval(1,9)"], "must name its values to be timed"),
        (["network=linear", "seed=0,1"], "rows must differ"),
        (["network=linear", "data.batch_size=0"], "batch_size must be at least 1"),
    ],
)
def test_a_row_that_cannot_be_measured_is_refused_before_any_is_timed(tmp_path, words, said):
    with pytest.raises(ConfigError, match=said):
        planned(words, seconds=0.01, folder=tmp_path, again=False)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_different_threads_are_not_of_one_table(tmp_path):
    with pytest.raises(ConfigError, match="rows must be of one hardware"):
        planned(["network=linear", "runtime.threads=1,2"], seconds=0.01, folder=tmp_path, again=False)


def test_the_command_writes_every_form_of_the_table_and_prints_it(tmp_path, capsys):
    words = ["network=linear", "data.batch_size=4", "runtime.accelerator=cpu"]
    assert benchmark_command(words, repeats=2, seconds=0.001, out=tmp_path, again=False) == 0
    printed = capsys.readouterr().out
    assert "| linear | 4 | 32-true | channels first | 650 |" in printed
    (row,) = csv.DictReader(io.StringIO((tmp_path / "benchmark.csv").read_text()))
    assert float(row["train_images_per_s_low"]) <= float(row["train_images_per_s"])
    assert row["repeats"] == "2"
    (whole,) = json.loads((tmp_path / "benchmark.json").read_text())["rows"]
    assert len(whole["repeats"]) == 2
    assert whole["environment"]["versions"]["torch"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "rows",
        "index.html",
        *(f"benchmark.{form}" for form in ("md", "csv", "tex", "json")),
    }
