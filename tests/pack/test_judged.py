"""Lanes that a judge stops on the way: their weights are those of the run alone, and the others do not notice."""

from pathlib import Path

import pytest
import torch

from podium.pack.choice import Choice
from podium.pack.form import Form
from podium.pack.loop import Loop
from podium.pack.train import train_packed
from podium.records.record import Status
from podium.run.folders import CHECKPOINT_FILE, find_folders
from podium.run.train import train

from .sides import MLP, configs_of, largest_difference, moved

LANES = ("seed=0", "seed=1 tricks.dropout.p=0.1", "seed=2 optimizer.lr=0.01", "seed=3")


@pytest.mark.usefixtures("no_pictures")
def test_a_stopped_lane_has_the_weights_of_the_run_alone_and_the_others_go_on_as_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = configs_of((*MLP, "tricks=[dropout]"), LANES, tmp_path)
    left: dict[int, dict[str, torch.Tensor]] = {}
    asked: list[tuple[int, list[int]]] = []
    compact = Loop._compact

    def kept(self: Loop, gone: set[int]) -> None:
        left.update({lane.place: self.program.network.state(k) for k, lane in enumerate(self.program.lanes)})
        compact(self, gone)

    def judge(epochs: int, places: list[int]) -> set[int]:
        asked.append((epochs, list(places)))
        return {2: {0, 2}, 3: {1}}.get(epochs, set())

    monkeypatch.setattr(Loop, "_compact", kept)
    packed = [moved(config, tmp_path / "packed") for config in configs]
    records, programs = train_packed(packed, choice=Choice(4, Form.GROUPED, 1.0), judge=judge)
    assert [record.status for record in records] == [Status.STOPPED] * 3 + [Status.FINISHED]
    assert programs == 1
    assert asked == [(1, [0, 1, 2, 3]), (2, [0, 1, 2, 3]), (3, [1, 3]), (4, [3])]
    for place, epochs in ((0, 2), (2, 2), (1, 3)):
        alone = moved(configs[place], tmp_path / "alone")
        train({**alone, "runtime": {**alone["runtime"], "stop_epoch": epochs}})
        (folder,) = find_folders(alone)
        theirs = torch.load(folder / CHECKPOINT_FILE, weights_only=False)["state_dict"]
        for name, tensor in left[place].items():
            assert float((tensor - theirs[f"network.{name}"]).abs().max()) < 1e-5, name
    train(moved(configs[3], tmp_path / "alone"))
    assert largest_difference(configs[3], tmp_path) < 1e-5


@pytest.mark.usefixtures("no_pictures")
def test_places_that_belong_together_are_in_one_program(tmp_path: Path) -> None:
    configs = configs_of(MLP, [f"seed={seed} trainer.max_epochs=1" for seed in range(6)], tmp_path)
    seen: list[list[int]] = []

    def judge(epochs: int, places: list[int]) -> set[int]:
        seen.append(list(places))
        return set()

    one = [{**config, "trainer": {**config["trainer"], "max_epochs": 2}} for config in configs]
    train_packed(one, choice=Choice(4, Form.GROUPED, 1.0), judge=judge, together=3)
    assert seen == [[0, 1, 2], [3, 4, 5]]
