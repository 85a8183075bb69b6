"""What a trial with several workers asks of a cluster, and how the loss of a worker is told from a fault of training."""

import fcntl
import signal
import threading
from types import SimpleNamespace

import pytest
import ray

from podium.run.errors import ConfigError, WorkerFailed, WorkerLost
from podium.sweep import together
from podium.sweep.settings import check_gpus, make_cluster
from podium.sweep.together import Place, resources


def cluster(address="auto", gpus=0.0):
    return make_cluster({"address": address, "cpus": None, "gpus_per_trial": gpus})


def runtime(devices=1, accelerator="auto"):
    return {"threads": 3, "devices": devices, "accelerator": accelerator}


@pytest.mark.parametrize(
    ("where", "gpus", "devices", "bundles"),
    [
        ("local", 0.25, 1, [{"CPU": 3, "GPU": 0.25}]),
        ("auto", 0.25, 1, [{"CPU": 3, "GPU": 0.25}]),
        ("auto", 1, 1, [{"CPU": 3, "GPU": 1}]),
        ("local", 2, 2, [{"CPU": 6, "GPU": 2}]),
        ("auto", 0, 2, [{"CPU": 3}] * 2),
        ("auto", 4, 4, [{"CPU": 3, "GPU": 1}] * 4),
    ],
    ids=["share here", "share", "one", "several here", "no GPU", "several, on any nodes"],
)
def test_what_ray_sets_aside_for_a_trial(where, gpus, devices, bundles):
    asked = resources(cluster(where, gpus), runtime(devices))
    assert asked.bundles == bundles
    assert asked.head_bundle_is_empty == (len(bundles) > 1), (
        "the trial itself takes nothing beside its workers"
    )
    assert asked.strategy == "PACK"


@pytest.mark.parametrize(
    ("gpus", "devices", "accelerator", "remedy"),
    [
        (2, 1, "auto", "runtime.devices=2"),
        (1.5, 1, "auto", "runtime.devices=2"),
        (0.5, 2, "auto", "cluster.gpus_per_trial=2"),
        (1, 2, "auto", "cluster.gpus_per_trial=2"),
        (4, 2, "auto", "cluster.gpus_per_trial=2"),
        (0, 2, "gpu", "cluster.gpus_per_trial=2"),
    ],
)
def test_gpus_that_workers_cannot_use_are_refused_with_what_to_set(gpus, devices, accelerator, remedy):
    with pytest.raises(
        ConfigError, match=rf"^cluster.gpus_per_trial must be .*, got {gpus:g}; set {remedy}$"
    ):
        check_gpus(cluster("auto", gpus), runtime(devices, accelerator))


@pytest.mark.parametrize(("gpus", "devices"), [(0, 1), (0.25, 1), (1, 1), (0, 2), (2, 2), (8, 8)])
def test_gpus_that_workers_can_use_are_not(gpus, devices):
    check_gpus(cluster("auto", gpus), runtime(devices))


def family(monkeypatch, *ends):
    """Workers that ended so: null well, an error with it, or not at all."""
    monkeypatch.setattr(together, "_error_of", lambda end: end)
    over = [end for end in ends if end != "trains"]
    running = [end for end in ends if end == "trains"]
    monkeypatch.setattr(ray, "wait", lambda them, **how: (over, running))
    places = [Place(f"10.0.0.{k}", []) for k in range(len(ends))]
    return together._Training(SimpleNamespace(places=places), ends, None)


def raised(error):
    """As Ray wraps what a worker raises."""
    return ray.exceptions.RayTaskError("train", "traceback", error)


def test_workers_that_end_well_are_not_training_any_more(monkeypatch):
    assert family(monkeypatch, None, "trains").training()
    assert not family(monkeypatch, None, None).training()


def test_a_fault_of_training_is_told_with_the_worker_that_had_it(monkeypatch):
    bad = family(monkeypatch, None, raised(ValueError("no such shape")))
    with pytest.raises(WorkerFailed, match=r"worker 1 of 2 on 10\.0\.0\.1 failed: ValueError: no such shape"):
        bad.training()


def test_a_lost_worker_is_a_loss_though_the_others_fail_with_it(monkeypatch):
    gone = ray.exceptions.ActorDiedError()
    bad = family(monkeypatch, raised(RuntimeError("Connection closed by peer")), gone)
    with pytest.raises(WorkerLost, match=r"worker 1 of 2 on 10\.0\.0\.1 was lost") as told:
        bad.training()
    assert told.value.__cause__ is gone, "Tune sees by it whether the node was recalled"


def test_a_worker_that_does_not_answer_is_a_loss(monkeypatch):
    bad = family(monkeypatch, raised(RuntimeError("Connection closed by peer")), "trains")
    with pytest.raises(WorkerLost, match=r"worker 1 of 2 on 10\.0\.0\.1 does not answer"):
        bad.training()


def test_a_first_worker_waits_for_one_that_still_writes(tmp_path):
    order = []

    def second():
        with together._alone(tmp_path, {"RANK": "0"}):
            order.append("second")

    with together._alone(tmp_path, {"RANK": "0"}):
        waiting = threading.Thread(target=second)
        waiting.start()
        with together._alone(tmp_path, {"RANK": "1"}):
            order.append("another rank")
        waiting.join(0.2)
        order.append("first")
    waiting.join(10)
    assert order == ["another rank", "first", "second"]
    with (tmp_path / together.LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_signal_that_was_written_down_reaches_the_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(together, "LOOK_S", 0.01)
    heard = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.set())
    try:
        with together._listening(tmp_path / "asked"):
            assert not heard.wait(0.1)
            (tmp_path / "asked").write_text(str(int(signal.SIGUSR1)))
            assert heard.wait(10)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_killed_trials_left_in_a_runs_folder_goes(tmp_path):
    (tmp_path / f"{together.SCRATCH}old").mkdir()
    (tmp_path / f"{together.SCRATCH}old" / "told.json").touch()
    starts = object.__new__(together.Together)
    with starts.scratch(tmp_path) as place:
        assert [one.name for one in tmp_path.iterdir()] == [place.name]
    assert list(tmp_path.iterdir()) == []
