"""A group is one run in MLflow, also where machines that know nothing of each other begin together."""

from collections import Counter
from pathlib import Path

import pytest

from podium.records.groups import PARENT_TAG, Groups
from podium.records.target import Target

from .folders import finish, start


def target(folder: Path) -> Target:
    return Target(uri=f"sqlite:///{folder}/mlflow.db", artifacts=f"{folder}/mlartifacts", experiment="podium")


class Blind:
    """A client whose first look for each group finds nothing: another machine makes it at this moment."""

    def __init__(self, client) -> None:
        self.client = client
        self.looked: set[str] = set()

    def search_runs(self, experiments, where, **words):
        if "group_key" in where and where not in self.looked:
            self.looked.add(where)
            return []
        return self.client.search_runs(experiments, where, **words)

    def __getattr__(self, name: str):
        return getattr(self.client, name)


def both_begin(folder: Path) -> None:
    """Two machines push a run of the same sweep and trial; the second does not see the first one's groups in time."""
    from podium.records.store import Store

    ended = []
    for number in range(2):
        store = Store(target(folder))
        if number:
            store._groups._client = Blind(store._groups._client)
        place = folder / f"machine{number}" / "a"
        journal, made = start(place, seed=number, groups=["sweep", "trial"])
        store.sync_run(place)
        ended.append((store, place, journal, made))
    for store, place, journal, made in ended:
        finish(place, journal, made)
        store.sync_run(place)
        store.close_groups(set())


def shown(folder: Path, look) -> tuple[Counter[str], set[str], set[str]]:
    """How often each group is there, whether they are over, and under how many of them the runs are."""
    client = look(target(folder).uri).client
    experiment = client.get_experiment_by_name("podium").experiment_id
    runs = client.search_runs([experiment])
    groups = [run for run in runs if "podium.group" in run.data.tags]
    under = {run.data.tags[PARENT_TAG] for run in runs if "podium.run_key" in run.data.tags}
    names = Counter(run.data.tags["podium.group"] for run in groups)
    (trials,) = [{run.info.run_id for run in groups if run.data.tags["podium.group"] == "trial"}]
    assert under <= trials
    return names, {run.info.status for run in groups}, under


def test_groups_that_two_machines_made_become_one_with_all_runs(
    tmp_path: Path, look, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_begin(tmp_path / "merged")
    names, status, under = shown(tmp_path / "merged", look)
    assert names == {"sweep": 1, "trial": 1}
    assert status == {"FINISHED"}
    assert len(under) == 1
    monkeypatch.setattr(Groups, "_merge", lambda *_, **__: None)
    both_begin(tmp_path / "control")
    names, _, _ = shown(tmp_path / "control", look)
    assert names["sweep"] == 2, "without merging they would stay doubled"
