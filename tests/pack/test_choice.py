"""What was measured is remembered, also where packs that train side by side measure at the same time."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from podium.pack import choice
from podium.pack.choice import CHOICES_FILE, Choice
from podium.pack.errors import Alone
from podium.pack.form import Form
from podium.pack.train import build_lanes, train_packed, worthwhile
from podium.run.folders import find_record

from .sides import MLP, configs_of

PACKS = 12


def remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many choices are remembered of packs that note theirs at once."""
    read = choice._read

    def slow(path: Path) -> dict[str, Choice]:
        found = read(path)
        time.sleep(0.02)  # another pack notes its own now
        return found

    monkeypatch.setattr(choice, "_read", slow)
    path = folder / "runs" / CHOICES_FILE
    chosen = Choice(4, Form.GROUPED, 2.0)
    packs = [threading.Thread(target=choice._remember, args=(path, f"{k}", chosen)) for k in range(PACKS)]
    for pack in packs:
        pack.start()
    for pack in packs:
        pack.join()
    found = read(path)
    assert set(found.values()) == {chosen}
    return len(found)


def test_choices_that_are_noted_at_once_are_all_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remembered(tmp_path, monkeypatch) == PACKS


def test_without_taking_turns_some_would_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *words: None)
    assert remembered(tmp_path, monkeypatch) < PACKS


@pytest.mark.parametrize(
    ("step_s", "speedup", "long"), [(1.0, 1.5, True), (0.1, 1.5, False), (1.0, 2.5, False)]
)
def test_a_pack_that_trains_for_long_must_be_much_faster(
    tmp_path: Path, step_s: float, speedup: float, long: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = configs_of([*MLP, "trainer.max_epochs=30"], ["seed=0", "seed=1"], tmp_path)  # 690 steps
    chosen = Choice(2, Form.GROUPED, speedup, step_s)
    monkeypatch.setattr("podium.pack.train.choose", lambda *words: chosen)
    if long:
        with pytest.raises(Alone, match=r"train for 12 minutes without a checkpoint, only 1\.50 times"):
            train_packed(configs)
        assert [find_record(config) for config in configs] == [None, None]
    else:
        lanes, _ = build_lanes(configs, range(2))
        assert worthwhile(lanes, 1.0) == chosen


def test_a_choice_that_another_pack_overwrites_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Choice(2, Form.APART, 1.5)
    monkeypatch.setattr(choice, "_key", lambda *words: "key")
    monkeypatch.setattr(choice, "_measure", lambda lanes: chosen)
    monkeypatch.setattr(choice, "_remember", lambda *words: None)
    anything: Any = None
    assert choice.choose(anything, tmp_path, anything) == chosen
