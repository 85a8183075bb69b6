import csv
import io
from dataclasses import replace

import pytest

from leaderboard.factory import ENVIRONMENT, make_config
from podium.leaderboard.speeds import SpeedRow
from podium.leaderboard.speeds_page import COLUMNS, render_speeds

COSTS = {"parameters": 650.0, "depth": 1.0, "size_mib": 0.0025, "multiply_adds": 640.0, "activations": 10.0}


def make_row(name="linear", repeats=((1000, 400), (3000, 600), (2000, 500)), **more):
    config = make_config(
        "linear", name, 0, trainer={"precision": "32-true", "channels_last": False, "compile": False}
    )
    config["data"]["batch_size"] = 64
    found = [
        {"inference_images_per_s": float(i), "train_images_per_s": float(t), "peak_memory_mib": 12.0, **more}
        for i, t in repeats
    ]
    return SpeedRow(name, config, ENVIRONMENT, 0.5, COSTS, tuple(found))


def test_a_row_shows_the_median_and_the_range_of_its_repeats():
    page = render_speeds([make_row()])["benchmark.md"].decode()
    assert "2 k (1 k to 3 k)" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert page.count("not measured") == 2


def test_energy_that_one_repeat_lacks_was_not_measured():
    whole = make_row(train_j_per_image=0.25)
    assert whole.spread("train_j_per_image").median == 0.25
    parts = replace(whole, repeats=(*whole.repeats[:2], make_row().repeats[0]))
    assert parts.spread("train_j_per_image") is None


def test_the_same_rows_make_the_same_files_and_names_are_only_text():
    bad = make_row("=cmd|<script>&_x")
    files = render_speeds([bad])
    assert files == render_speeds([bad])
    assert b"<script>&" not in files["index.html"]
    assert files["benchmark.csv"].decode().splitlines()[1].startswith("'=cmd")
    assert "\\textbar{}\\textless{}script\\textgreater{}\\&\\_x" in files["benchmark.tex"].decode()


def test_the_file_of_values_has_both_ends_of_every_range():
    (row,) = csv.DictReader(io.StringIO(render_speeds([make_row()])["benchmark.csv"].decode()))
    assert (row["inference_images_per_s"], row["inference_images_per_s_low"]) == ("2000.0", "1000.0")
    assert row["inference_images_per_s_high"] == "3000.0"
    assert row["train_j_per_image_high"] == ""
    assert row["hardware"] == make_row().hardware


def test_the_page_names_hardware_versions_and_how_many_repeats_there_are():
    several = [make_row(), make_row("other", repeats=((1, 2),))]
    page = render_speeds(several)["index.html"].decode()
    assert "The median of 1 to 3 repeats" in page
    assert ENVIRONMENT.cpu in page
    assert "torch 2.15.0" in page


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_column_has_a_help_and_a_text(column):
    assert column.help.endswith(".")
    assert column.text(make_row())


def test_a_row_survives_its_file(tmp_path):
    row = make_row()
    row.save(tmp_path)
    assert replace(row, repeats=()).found(tmp_path) == row
