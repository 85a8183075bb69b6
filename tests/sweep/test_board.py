import pytest

from podium.records.record import RunRecord, Status
from podium.run.folders import find_folders
from podium.sweep import board
from podium.sweep.board import record_failure, train_missing

from . import fake


@pytest.fixture
def configs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(board.tools, "find", fake.find)
    return [
        fake.compose([f"initializer={name}", f"seed={seed}"])
        for name in ("he_normal", "explode", "diverge")
        for seed in range(2)
    ]


@pytest.mark.timeout(900)  # Ray starts processes, which a busy machine is slow to do
@pytest.mark.usefixtures("ray_workers")
def test_what_is_missing_is_trained_and_a_run_that_raises_is_recorded_failed(configs):
    fake.train(configs[0])
    records = train_missing(configs, concurrency=2, train=fake.train)
    assert [r.status for r in records] == ["finished", "finished", "failed", "failed", "diverged", "diverged"]
    assert [r.seed for r in records] == [0, 1] * 3
    assert "the network exploded" in records[2].error
    assert fake.find(configs[2]) == records[2]
    assert all(epochs == list(range(1, 10)) for epochs in fake.epochs_trained("runs").values())


def test_the_first_seed_of_each_entry_has_pictures(configs):
    assert board.first_seeds(configs) == {0, 2, 4}
    assert board.first_seeds(configs[::-1]) == {1, 3, 5}
    assert board.first_seeds([]) == set()


def test_nothing_missing_starts_nothing(configs, monkeypatch):
    def no_ray(cpus):
        raise AssertionError("Ray was started")

    monkeypatch.setattr(board, "local_ray", no_ray)
    done = configs[:2] + configs[4:]
    records = [fake.train(config) for config in done]
    assert train_missing(done, concurrency=2, train=fake.train) == records
    with pytest.raises(AssertionError, match="Ray was started"):
        train_missing(configs, concurrency=2, train=fake.train)


def test_a_run_whose_process_died_becomes_failed(configs):
    fake.train({**configs[0], "runtime": {**configs[0]["runtime"], "stop_epoch": 2}})
    record = record_failure(configs[0], "its worker process ended")
    assert record.status is Status.FAILED
    assert record.history == {fake.METRIC: record.history[fake.METRIC]}
    (folder,) = find_folders(configs[0])
    assert RunRecord.load(folder) == record
