"""`podium server` with a real PostgreSQL and a bucket: 32 workers at once, who is refused, backup and restore."""

import json
import logging
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.records import sync

from .folders import config, finished
from .postgres import Postgres, free_port
from .team import BUCKET, KEYS, TeamServer, client_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WORKERS, POINTS = 32, 50


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    import boto3

    logging.getLogger("werkzeug").setLevel(
        logging.WARNING
    )  # its line for each request would hide what failed
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    address = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        region_name=KEYS["AWS_DEFAULT_REGION"],
    ).create_bucket(Bucket=BUCKET)
    yield address
    server.stop()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, s3: str) -> Iterator[TeamServer]:
    postgres = Postgres()
    made = TeamServer(tmp_path_factory.mktemp("team") / "server", postgres, s3)
    try:
        postgres.start()
        made.start()
        yield made
    finally:
        made.stop()
        postgres.remove()


@pytest.fixture
def as_podium(team: TeamServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in client_environment(team).items():
        monkeypatch.setenv(name, value)


def test_many_workers_at_once_lose_and_double_nothing(
    team: TeamServer, as_podium: None, look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")  # 32 machines share the cores of this one
    script = Path(__file__).with_name("many_workers.py")
    command = [sys.executable, str(script), team.uri, str(tmp_path), str(WORKERS), str(POINTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = [json.loads((tmp_path / f"{k}.json").read_text()) for k in range(WORKERS)]
    seconds = [push for one in told for push in one["seconds"]]
    print(f"{WORKERS} workers: a push takes {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s")
    assert not {line for one in told for line in one["wrong"]}
    seen = look(team.uri)
    runs = seen.runs()
    assert set(runs) == {f"key{worker}" for worker in range(WORKERS)}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    for run in runs.values():
        assert seen.steps(run) == Counter(range(POINTS))
        assert "record.json" in {file.path for file in seen.client.list_artifacts(run.info.run_id)}
    experiment = seen.client.get_experiment_by_name("podium")
    everything = seen.client.search_runs([experiment.experiment_id], max_results=1000)
    assert len(everything) == WORKERS + 1 + WORKERS  # runs, the sweep, its trials
    groups = {run.data.tags["podium.group"]: run for run in everything if "podium.group" in run.data.tags}
    assert set(groups) == {"sweep", *(f"trial{worker}" for worker in range(WORKERS))}
    sweep = groups.pop("sweep").info.run_id
    assert {group.data.tags["mlflow.parentRunId"] for group in groups.values()} == {sweep}


def test_who_has_no_account_or_a_wrong_password_is_refused_and_so_are_foreign_names(team: TeamServer) -> None:
    assert team.answer() == 401
    assert team.answer(user="podium", password="wrong" * 5) == 401
    assert team.answer(user="admin", password="password1234") == 401
    assert team.answer(user="podium", password=team.password(), host="evil.example.org") == 403
    assert team.answer(user="podium", password=team.password()) == 200
    assert team.answer(user="admin", password=team.password("admin")) == 200


def test_the_secrets_are_for_their_owner_and_no_process_shows_them(team: TeamServer) -> None:
    files = {path.name: path.stat().st_mode & 0o777 for path in team.folder.iterdir() if path.is_file()}
    assert files == dict.fromkeys(["accounts.ini", "admin-password", "podium-password", "session-key"], 0o600)
    secrets = [team.password(), team.password("admin"), team.postgres.password]
    assert len(set(secrets)) == 3
    said = team.folder.with_suffix(".log").read_text()
    lines = [Path(f"/proc/{pid}/cmdline").read_text(errors="replace") for pid in _family(team)]
    assert len(lines) > 2
    assert not [secret for secret in secrets if secret in said or any(secret in line for line in lines)]


def _family(team: TeamServer) -> list[int]:
    import psutil

    assert team.process is not None
    parent = psutil.Process(team.process.pid)
    return [parent.pid, *(one.pid for one in parent.children(recursive=True))]


def test_a_wrong_password_is_one_clear_line_and_the_run_is_sent_later(
    team: TeamServer, tmp_path: Path, look, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "runs"
    finished(root / "a", seed=99, config=config(99, uri=team.uri, artifacts=None))
    command = [sys.executable, "-m", "podium", "sync", str(root)]
    for environment, user in (
        (client_environment(team, password="wrong" * 5), "refuses user podium (401)"),
        ({**os.environ, "HOME": str(tmp_path)}, "refuses to answer without a user (401)"),
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        line = next(line for line in done.stdout.splitlines() if "401" in line)
        assert f"{team.uri} {user}; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in line
        assert "1 wait" in done.stdout
    credentials = tmp_path / ".mlflow" / "credentials"
    credentials.parent.mkdir()
    credentials.write_text(
        f"[mlflow]\nmlflow_tracking_username = podium\nmlflow_tracking_password = {team.password()}\n"
    )
    done = subprocess.run(
        command, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name, value in client_environment(team).items():
        monkeypatch.setenv(name, value)
    assert "key99" in look(team.uri).runs()


def test_somebody_elses_experiment_is_closed_in_one_clear_line(
    team: TeamServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", team.password("admin"))
    from podium.records.store import MlflowClient

    MlflowClient(tracking_uri=team.uri).create_experiment("of-the-admin")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "podium")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", team.password())
    finished(
        tmp_path / "runs" / "a",
        seed=98,
        config=config(98, uri=team.uri, artifacts=None, experiment="of-the-admin"),
    )
    (reason,) = sync.sync(tmp_path / "runs").away.values()
    assert reason.startswith("refuses user podium (403); let its administrator give MANAGE")


def test_an_experiment_whose_rights_come_a_moment_later_is_waited_for(
    team: TeamServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.server.auth.client import AuthServiceClient

    from podium.records import store

    def become(name: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", team.password(name))

    def wait(_: float) -> None:
        become("admin")
        AuthServiceClient(team.uri).grant_user_permission("podium", "experiment", experiment, "MANAGE")
        become("podium")

    become("admin")
    experiment = store.MlflowClient(tracking_uri=team.uri).create_experiment("in-the-making")
    become("podium")
    monkeypatch.setattr(store.time, "sleep", wait)
    named = config(95, uri=team.uri, artifacts=None, experiment="in-the-making")
    finished(tmp_path / "runs" / "a", seed=95, config=named)
    report = sync.sync(tmp_path / "runs")
    assert (report.sent, report.away, report.problems) == (1, {}, [])


def test_a_dump_brings_runs_and_accounts_back_and_without_accounts_anyone_may_ask(
    team: TeamServer, as_podium: None, look, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    for name, seed in (("early", 96), ("late", 97)):
        finished(root / name, seed=seed, config=config(seed, uri=team.uri, artifacts=None))
    assert sync.sync(root / "early").sent == 1
    before = {key: run.info.run_id for key, run in look(team.uri).runs().items()}
    for database in ("mlflow", "mlflow_auth"):
        team.postgres.tool("pg_dump", "--format=custom", f"--file={tmp_path / database}", database)
    assert sync.sync(root / "late").sent == 1
    team.stop()
    for database in ("mlflow", "mlflow_auth"):
        team.postgres.execute("postgres", f"DROP DATABASE {database}")
        team.postgres.execute("postgres", f"CREATE DATABASE {database} OWNER mlflow")
        words = ["--no-owner", "--single-transaction", "--exit-on-error", f"--dbname={database}"]
        team.postgres.tool("pg_restore", *words, str(tmp_path / database))
    team.start()
    assert {key: run.info.run_id for key, run in look(team.uri).runs().items()} == before
    (root / "late" / ".synced").unlink()
    sync.sync(root)
    assert set(look(team.uri).runs()) == {*before, "key97"}
    team.stop()
    team.start_open()
    assert team.answer() == 200
    assert team.answer(host="evil.example.org") == 200
