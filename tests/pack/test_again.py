"""Runs trained again as they were trained the first time: the same bits, packed or alone."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from podium.pack.again import train_again
from podium.pack.choice import Choice
from podium.pack.form import Form
from podium.pack.train import train_packed
from podium.records.record import RunRecord
from podium.run.folders import PREDICTIONS_FILE, WEIGHTS_FILE
from podium.run.train import train

from .sides import CNN, MLP, Config, configs_of, moved, packed

SEEDS = [f"seed={seed}" for seed in range(5)]
NORMED = ("network=dense_200_100_100_bn", "network.widths=[20,12]")
CASES = {
    "mlp": (MLP, Form.GROUPED),
    "batch norm of rows": (NORMED, Form.GROUPED),
    "cnn": (CNN, Form.APART),
    "cnn, grouped": (CNN, Form.GROUPED),
    "cnn, channels last": (CNN, Form.CHANNELS_LAST),
    "batch norm of pictures": (("network=lecture_cnn_bn_8",), Form.GROUPED),
    "masks": ((*CNN, "+tricks=dropout"), Form.APART),
    "mixed pictures and an average": ((*MLP, "+tricks=[mixup,ema]"), Form.GROUPED),
}


def bits(records: Sequence[RunRecord]) -> list[tuple[str, str]]:
    """Hashes of weights and predictions of each."""
    return [(record.files[WEIGHTS_FILE], record.files[PREDICTIONS_FILE]) for record in records]  # type: ignore[index]


@pytest.mark.parametrize("name", CASES)
def test_a_lane_has_the_same_bits_in_any_pack_of_its_form(name: str, tmp_path: Path) -> None:
    common, form = CASES[name]
    configs = configs_of([*common, "trainer.max_epochs=1"], SEEDS, tmp_path / "all")

    def of(some: Sequence[Config], where: str) -> list[tuple[str, str]]:
        here = [moved(config, tmp_path / where) for config in some]
        return bits(train_packed(here, choice=Choice(len(here), form, 1.0))[0])

    whole = of(configs, "all")
    assert of(configs[:3], "first") + of(configs[3:], "last") == whole
    assert of(configs[::-1], "reversed") == whole[::-1]


def trained_before(configs: Sequence[Config], tmp_path: Path, form: Form = Form.APART) -> list[RunRecord]:
    """Three runs of a pack, and one that was trained alone."""
    here = [moved(config, tmp_path / "published") for config in configs]
    return [*packed(here[:3], form=form), train(here[3])]


def test_runs_are_trained_again_as_they_were_trained(tmp_path: Path) -> None:
    configs = configs_of(CNN, SEEDS[:4], tmp_path)
    before = trained_before(configs, tmp_path)
    there = [moved(config, tmp_path / "again") for config in configs]
    told: list[int] = []
    after = train_again(before, there, lambda record: told.append(record.seed))
    assert bits(after) == bits(before)
    expected = ["1 of 3, lane by lane", "2 of 3, lane by lane", "3 of 3, lane by lane", None]
    assert [record.tags.get("packed") for record in after] == expected
    assert sorted(told) == [0, 1, 2, 3]
    alone = [train(moved(config, tmp_path / "alone")) for config in configs]
    same = [one == other for one, other in zip(bits(alone), bits(before), strict=True)]
    assert not all(same[:3]), "alone, a packed run would have other bits"
    assert same[3]


def test_one_run_of_a_pack_has_its_bits_again(tmp_path: Path) -> None:
    configs = configs_of(CNN, SEEDS[:4], tmp_path)
    before = trained_before(configs, tmp_path, Form.GROUPED)[1:2]
    told: list[int] = []
    one = [moved(configs[1], tmp_path / "again")]
    assert bits(train_again(before, one, lambda record: told.append(record.seed))) == bits(before)
    assert told == [1]


def test_the_last_run_of_many_that_had_a_program_of_its_own_has_its_bits_again(tmp_path: Path) -> None:
    configs = configs_of(CNN, SEEDS[:3], tmp_path)
    here = [moved(config, tmp_path / "published") for config in configs]
    before, _ = train_packed(here, choice=Choice(2, Form.GROUPED, 1.0))
    there = [moved(config, tmp_path / "again") for config in configs]
    after = train_again(before, there, lambda record: None)
    assert [record.tags for record in after] == [record.tags for record in before]
    assert after[2].tags == {"packed": "1 of 1, in groups"}
    assert bits(after) == bits(before)


def test_packs_are_made_again_of_runs_in_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = configs_of(MLP, SEEDS, tmp_path)
    tags = [
        "1 of 3, in groups",
        "1 of 2, in groups",
        "2 of 3, in groups",
        "2 of 2, in groups",
        "3 of 3, in groups",
    ]
    (run,) = packed([*configs[:1]])
    before = [run.with_(tags={"packed": tag}) for tag in tags]
    seen: list[list[int]] = []

    def train_packed(lanes: Sequence[Config], **more: object) -> None:
        seen.append([lane["seed"] for lane in lanes])
        for place in range(len(lanes)):
            more["ended"](place, run)  # type: ignore[operator]

    monkeypatch.setattr("podium.pack.again.train_packed", train_packed)
    train_again(before, configs, lambda record: None)
    assert seen == [[0, 2, 4], [1, 3]]


def test_what_can_no_longer_be_packed_is_trained_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = configs_of(CNN, SEEDS[:2], tmp_path)
    before = packed([moved(config, tmp_path / "published") for config in configs])
    monkeypatch.setattr("podium.pack.network.TWINS", {})
    there = [moved(config, tmp_path / "again") for config in configs]
    assert [record.tags for record in train_again(before, there, lambda record: None)] == [{}, {}]
