import pkgutil

import pytest

from leaderboard.factory import COLUMNS, make_board, make_entry, write_runs
from podium.leaderboard import columns
from podium.leaderboard.choice import conditions_of
from podium.leaderboard.columns import NO_BREAK, count, interval_text, load_column, scaled
from podium.leaderboard.table import make_table
from podium.leaderboard.tried import Trial
from podium.records.record import RunRecord

OTHER = {
    "test/top5_error": 0.01,
    "test/mean_iou": 0.5,
    "test/map": 0.4,
    "test/mse": 0.0123,
    "test/rmse": 0.111,
    "test/mae": 0.09,
    "test/bits_per_character": 1.723,
    "test/f1": 0.6,
    "test/exact_match": 0.5,
    "test/symbol_accuracy": 0.99,
    "test/sequence_accuracy": 0.97,
    "test/bleu": 0.31,
    "test/noise_accuracy": 0.9,
}  # of tasks that the factory's runs do not have
ALL = sorted(module.name for module in pkgutil.iter_modules(columns.__path__))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folders = write_runs(tmp_path_factory.mktemp("runs"), ["linear"])
    keys = ["linear", "dense32"]
    loaded = [RunRecord.load(folder) for folder in folders]
    records = [record.with_(metrics={**record.metrics, **OTHER}) for record in loaded]
    tried = [Trial(make_entry("linear").entry_hash, 0, "finished", "key", 7200.0, ("linear",))]
    return make_table(make_board(keys), [make_entry(key) for key in keys], records, tried=tried).rows


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
    others = [
        "badge",
        "bits_per_character",
        "bleu",
        "exact_match",
        "f1",
        "mae",
        "mean_average_precision",
        "mean_iou",
        "mse",
        "noise_accuracy",
        "rmse",
        "sequence_accuracy",
        "symbol_accuracy",
        "top5_error",
        "tried",
    ]
    assert sorted([*COLUMNS, *others]) == ALL


def test_what_was_tried_is_shown_with_its_hours(rows):
    assert load_column("tried").text(rows[0]) == "1 in 2.0 h"


def test_errors_of_values_and_bits_are_no_per_cent(rows):
    for name, text in (("mse", "0.0123"), ("rmse", "0.111"), ("mae", "0.09"), ("bits_per_character", "1.72")):
        assert load_column(name).text(rows[0]).startswith(f"{text} (")


def test_a_share_of_a_pack_is_no_training_time_of_its_own(tmp_path):
    records = [RunRecord.load(folder) for folder in write_runs(tmp_path, ["linear"])]
    shares = {"packed_s": 0.25, "packed_images_per_s": 12_345.0}
    packed = [
        record.with_(
            costs={**{k: v for k, v in record.costs.items() if not k.startswith("train_")}, **shares}
        )
        for record in records
    ]
    (row,) = make_table(make_board(["linear"]), [make_entry("linear")], packed).rows
    (alone,) = make_table(make_board(["linear"]), [make_entry("linear")], records).rows
    for name, text in (("train_time", "0.2 packed"), ("train_speed", f"12.3{NO_BREAK}k packed")):
        column = load_column(name)
        assert (column.value(row), column.text(row)) == (None, text)
        assert column.value(alone) is not None
        assert "packed" not in column.text(alone)


def test_what_older_records_lack_was_not_measured(tmp_path):
    records = [RunRecord.load(folder) for folder in write_runs(tmp_path, ["linear"])]
    older = [record.with_(costs={"parameters": 650.0}) for record in records]
    (row,) = make_table(make_board(["linear"]), [make_entry("linear")], older).rows
    for name in ("activations", "peak_memory"):
        column = load_column(name)
        assert (column.value(row), column.text(row)) == (None, "not measured")


def test_the_conditions_of_a_speed_are_its_batch_precision_and_layout():
    config = {"data": {"batch_size": 64}, "trainer": {"precision": "bf16-mixed", "channels_last": True}}
    assert conditions_of(config) == "batch 64, bf16-mixed, channels last"
    config["trainer"]["compile"] = True
    assert conditions_of(config).endswith("channels last, compiled")
    config["trainer"]["compile"] = "reduce-overhead"
    assert conditions_of(config).endswith("channels last, compiled (reduce-overhead)")


def test_an_unknown_column_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"got 'parameter'; did you mean parameters\?"):
        load_column("parameter")


def test_numbers_are_written_for_people():
    assert interval_text(0.0123, 0.01, 0.015) == NO_BREAK.join(["1.23 (1.00", "to", "1.50)"])
    assert interval_text(0.0123, float("nan"), float("nan")) == "1.23 (no interval)"
    assert count(1863690) == "1,863,690"
    assert [scaled(v) for v in (640, 2370, 2.54e6, 3e9)] == ["640", "2.37 k", "2.54 M", "3 G"]
