"""A group is one run in MLflow, also where machines that know nothing of each other begin together."""

import shutil
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


def slow_machine(folder: Path):
    """The first machine ends; the second, which was slow, makes the groups again and merges the first one's into its own
    before the first one closes them. Gives the first one's store.
    """
    from podium.records.store import Store

    first, second = (Store(target(folder)) for _ in range(2))
    place = folder / "machine0" / "a"
    journal, made = start(place, seed=0, groups=["sweep", "trial"])
    first.sync_run(place)
    finish(place, journal, made)
    first.sync_run(place)
    known = first._groups._met
    second._groups._client = Blind(second._groups._client)
    place = folder / "machine1" / "a"
    journal, made = start(place, seed=1, groups=["sweep", "trial"])
    second.sync_run(place)
    finish(place, journal, made)
    second.sync_run(place)
    for key, group in known.items():  # whichever id is smaller, the one that the first machine knows is gone
        kept = second._groups._met[key]
        if kept.run_id == group.run_id:
            copy = second._client.get_run(kept.run_id)
            made_again = second._client.create_run(second._experiment, tags=copy.data.tags)
            second._groups._merge(kept.run_id, into=made_again.info.run_id)
    return first


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


@pytest.fixture
def merged(tmp_path: Path, schema: Path) -> Path:
    """A folder with an MLflow database that has no group yet, as ``control`` has."""
    for name in ("merged", "control"):
        (tmp_path / name).mkdir()
        shutil.copy(schema, tmp_path / name / "mlflow.db")
    return tmp_path / "merged"


def test_groups_that_two_machines_made_become_one_with_all_runs(
    merged: Path, look, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_begin(merged)
    names, status, under = shown(merged, look)
    assert names == {"sweep": 1, "trial": 1}
    assert status == {"FINISHED"}
    assert len(under) == 1
    search = Groups._search
    monkeypatch.setattr(Groups, "_search", lambda self, where: search(self, where)[:1])
    both_begin(merged.with_name("control"))
    names, _, _ = shown(merged.with_name("control"), look)
    assert names["sweep"] == 2, "without merging they would stay doubled"


def test_a_group_that_was_merged_before_it_is_closed_is_closed_where_it_is_now(
    merged: Path, look, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_machine(merged).close_groups(set())
    names, status, under = shown(merged, look)
    assert names == {"sweep": 1, "trial": 1}
    assert status == {"FINISHED"}
    assert len(under) == 1
    first = slow_machine(merged.with_name("control"))
    monkeypatch.setattr(Groups, "_as", lambda self, _, group, status: self._set_status(group.run_id, status))
    from podium.records.store import StoreError

    with pytest.raises(StoreError, match="Current state is deleted"):
        first.close_groups(set())
