import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.records.record import RunRecord, Status, canonical_json, entry_hash

from .folders import config, record

NAMES = st.text(min_size=1, max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
NUMBERS = st.dictionaries(NAMES, st.floats(allow_nan=False), max_size=4)


@given(
    configuration=st.dictionaries(NAMES, PLAIN, max_size=4),
    metrics=NUMBERS,
    history=st.dictionaries(NAMES, st.lists(st.tuples(st.integers(0), st.floats(allow_nan=False)).map(list))),
    status=st.sampled_from(Status),
    error=st.none() | st.text(),
)
def test_a_record_is_the_same_after_a_round_trip(
    configuration: dict[str, Any], metrics: dict[str, float], history: Any, status: Status, error: str | None
) -> None:
    made = record(config=configuration).with_(metrics=metrics, history=history, status=status, error=error)
    text = made.to_json()
    assert RunRecord.from_json(text, source="text") == made
    assert RunRecord.from_json(text, source="text").to_json() == text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_nan_comes_back_as_a_number() -> None:
    made = RunRecord.from_json(record(metrics={"test/loss": math.nan}).to_json(), source="text")
    assert made.metrics is not None
    assert math.isnan(made.metrics["test/loss"])


def test_the_entry_ignores_seed_device_and_place_and_nothing_else() -> None:
    base = config()
    assert entry_hash(base) == entry_hash(config(seed=7, uri="sqlite:///else.db"))
    assert entry_hash(base) == entry_hash({**base, "name": "shown", "paths": {}, "runtime": {"threads": 4}})
    assert entry_hash(base) != entry_hash({**base, "network": {**base["network"], "widths": [33]}})


DAMAGES = {
    "cut": (lambda text: text[: len(text) // 2], "must be a JSON record"),
    "empty": (lambda text: "", "must be a JSON record"),
    "binary": (lambda text: "\0\1\ufffd", "must be a JSON record"),
    "list": (lambda text: "[]", "must have record schema 1, got list"),
    "schema": (lambda text: text.replace('"schema": 1', '"schema": 9'), "must have record schema 1, got 9"),
    "unknown": (lambda text: text.replace("{", '{"more": 1,', 1), r"fields of a record only, got \['more'\]"),
    "missing": (lambda text: text.replace('"run_key": "key0",', ""), "must be a whole record, got"),
    "status": (lambda text: text.replace('"running"', '"fast"'), "'fast' is not a valid Status"),
    "environment": (lambda text: text.replace('"cores"', '"kernels"'), "kernels"),
    "no environment": (lambda text: text.replace('"environment"', '"data"'), "must"),
    "seed": (lambda text: text.replace('"seed": 0,', '"seed": "0",', 1), "seed of type str"),
    "history": (lambda text: text.replace('"history": null', '"history": 5'), "must be a whole record"),
    "metrics": (
        lambda text: text.replace('"metrics": null', '"metrics": {"a": true}'),
        "True where a number",
    ),
    "edited": (lambda text: text.replace('"p": 0.5', '"p": 0.6'), "it was edited: restore it"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_gives_one_line_that_names_the_file(tmp_path: Path, damage: str) -> None:
    change, message = DAMAGES[damage]
    text = record().to_json()
    assert change(text) != text
    (tmp_path / "record.json").write_text(change(text))
    with pytest.raises(ValueError, match=message) as caught:
        RunRecord.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_without_a_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"got no record\.json"):
        RunRecord.load(tmp_path)


def test_saving_leaves_one_whole_file_that_others_may_read(tmp_path: Path) -> None:
    record().save(tmp_path)
    replace(record(), error="later").save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    assert RunRecord.load(tmp_path).error == "later"
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "record.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": [math.inf]}) == canonical_json({"a": [math.inf], "b": 1})


def test_the_order_of_tricks_is_part_of_the_entry_and_survives_json() -> None:
    """Edits do not commute, so a record that sorted its tricks would describe another run."""
    first = record(config={"tricks": {"mixup": {"p": 1}, "l2": {"p": 2}}, "seed": 0})
    other = {"tricks": {"l2": {"p": 2}, "mixup": {"p": 1}}, "seed": 0}
    assert entry_hash(first.config) != entry_hash(other)
    assert entry_hash({"b": 1, "a": 2}) == entry_hash({"a": 2, "b": 1})
    again = RunRecord.from_json(first.with_(entry_hash=entry_hash(first.config)).to_json(), source="text")
    assert list(again.config["tricks"]) == ["mixup", "l2"]


def test_one_and_one_point_nought_are_one_entry() -> None:
    assert entry_hash({"p": 1, "q": {"r": 0}}) == entry_hash({"p": 1.0, "q": {"r": 0.0}})
    assert entry_hash({"p": 1}) != entry_hash({"p": 1.5})


def test_a_file_of_weights_counts_by_its_content_and_not_by_where_it_lies():
    def entry(weights):
        return entry_hash({"network": {"width": 1.0, "weights": weights}})

    digest = "0123456789abcdef" * 4
    assert entry(f"runs/a/network.safetensors@{digest}") == entry(f"/other/b.safetensors@{digest[:16]}")
    assert entry(f"a.safetensors@{digest}") != entry(f"a.safetensors@{digest[::-1]}")
    assert (
        len({entry(None), entry("torchvision"), entry("torchvision:IMAGENET1K_V1"), entry(f"a.pth@{digest}")})
        == 4
    )


def test_where_decoded_images_are_kept_does_not_count_and_how_they_are_cut_does():
    def entry(**images):
        return entry_hash({"data": {"images": {"resize": 256, "in_memory": "auto", **images}}})

    assert entry() == entry(in_memory="never")
    assert entry() != entry(resize=128)


def test_whether_pictures_are_read_from_a_pack_does_not_count_and_what_is_cut_from_them_does():
    def entry(**images):
        return entry_hash({"data": {"images": {"resize": 256, **images}}})

    assert entry() == entry(packed=None, crops=None) == entry(packed="datasets/some.pack")
    assert len({entry(), entry(crops="resized"), entry(crops="original")}) == 3


def test_a_network_that_halves_as_it_always_did_is_the_entry_it_was():
    def hashed(**network: object) -> str:
        return entry_hash({"network": {"filters": [32, 32], **network}})

    assert hashed() == hashed(halving=None) != hashed(halving="stride")


def test_no_number_of_training_examples_is_the_entry_it_was_before_there_were_any_and_a_number_another() -> (
    None
):
    def hashed(**split: object) -> str:
        return entry_hash({"data": {"split": {"seed": 0, **split}}})

    assert hashed() == hashed(train_examples=None)
    assert len({hashed(), hashed(train_examples=200), hashed(train_examples=201)}) == 3
    assert hashed(folds=None) != hashed()  # which was there when the first boards were published
