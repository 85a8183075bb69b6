import pkgutil

import pytest

from leaderboard.factory import COLUMNS, make_board, make_entry, write_runs
from podium.leaderboard import columns
from podium.leaderboard.columns import NO_BREAK, count, interval_text, load_column, scaled
from podium.leaderboard.table import make_table
from podium.records.record import RunRecord

OTHER = {
    "test/mean_iou": 0.5,
    "test/map": 0.4,
    "test/mse": 0.0123,
}  # of tasks that the factory's runs do not have
ALL = sorted(module.name for module in pkgutil.iter_modules(columns.__path__))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folders = write_runs(tmp_path_factory.mktemp("runs"), ["linear"])
    keys = ["linear", "dense32"]
    loaded = [RunRecord.load(folder) for folder in folders]
    records = [record.with_(metrics={**record.metrics, **OTHER}) for record in loaded]
    return make_table(make_board(keys), [make_entry(key) for key in keys], records).rows


@pytest.mark.parametrize("name", ALL)
def test_every_column_has_a_title_a_help_a_value_and_a_text(name, rows):
    column = load_column(name)
    assert column.title
    assert column.help.endswith(".")
    full, empty = rows
    assert column.value(full) is not None
    assert column.text(full)
    assert column.text(empty)


def test_the_factory_knows_every_column():
    assert sorted([*COLUMNS, "mean_average_precision", "mean_iou", "mse"]) == ALL


def test_a_squared_error_is_no_per_cent(rows):
    assert load_column("mse").text(rows[0]).startswith("0.0123 (")


def test_a_share_of_a_pack_is_no_training_time_of_its_own(tmp_path):
    records = [RunRecord.load(folder) for folder in write_runs(tmp_path, ["linear"])]
    packed = [
        record.with_(costs={**{k: v for k, v in record.costs.items() if k != "train_s"}, "packed_s": 0.25})
        for record in records
    ]
    (row,) = make_table(make_board(["linear"]), [make_entry("linear")], packed).rows
    column = load_column("train_time")
    assert (column.value(row), column.text(row)) == (None, "0.2 packed")
    (alone,) = make_table(make_board(["linear"]), [make_entry("linear")], records).rows
    assert column.value(alone) is not None
    assert "packed" not in column.text(alone)


def test_an_unknown_column_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"got 'parameter'; did you mean parameters\?"):
        load_column("parameter")


def test_numbers_are_written_for_people():
    assert interval_text(0.0123, 0.01, 0.015) == NO_BREAK.join(["1.23 (1.00", "to", "1.50)"])
    assert interval_text(0.0123, float("nan"), float("nan")) == "1.23 (no interval)"
    assert count(1863690) == "1,863,690"
    assert [scaled(v) for v in (640, 2370, 2.54e6, 3e9)] == ["640", "2.37 k", "2.54 M", "3 G"]
