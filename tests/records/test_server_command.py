"""What `podium server` checks and makes before it becomes MLflow's server."""

import configparser
import os
import socket
import stat
from pathlib import Path

import pytest
import yaml

from podium.records import mlflow_server
from podium.records.accounts import SETTINGS, Accounts, secret_in
from podium.records.mlflow_server import Address
from podium.records.server import Wishes, prepare, run_server

from .postgres import free_port

BASE = Path(__file__).parents[2] / "k8s" / "base"


@pytest.fixture(autouse=True)
def same_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def wishes(
    folder: Path, *, names: tuple[str, ...] = (), host: str = "127.0.0.1", port: int = 0, **words
) -> Wishes:
    told = {"database": None, "artifacts": None, "workers": 2} | words
    return Wishes(folder=folder, address=Address(host, port or free_port(), names), **told)


def refused(asked: Wishes, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which the command ends before it starts anything."""
    assert run_server(asked) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_a_server_of_its_own_folder_has_accounts_with_drawn_passwords_that_stay(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    folder = tmp_path / "server"
    asked = wishes(folder, names=("mlflow.example.org",))
    command, environment, lines = prepare(asked)
    text = " ".join(command)
    port = asked.address.port
    assert f"--host 127.0.0.1 --port {port} --workers 2 --app-name basic-auth" in text
    assert (
        f"--allowed-hosts 127.0.0.1:{port},localhost:{port},mlflow.example.org:{port},mlflow.example.org "
        in text
    )
    assert f"--backend-store-uri sqlite:///{folder}/mlflow.db" in text
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    accounts = Accounts(folder=folder, database="")
    secrets = [accounts.admin_password, accounts.training_password, accounts.session_key]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600] * 3
    drawn = {path.read_text() for path in secrets}
    assert {len(one) for one in drawn} == {64}
    assert len(drawn) == 3
    assert not [one for one in drawn if one in " ".join([text, *lines])]
    assert environment["MLFLOW_FLASK_SERVER_SECRET_KEY"] == accounts.session_key.read_text()
    from mlflow.server.auth import store

    assert store.authenticate_user("podium", accounts.training_password.read_text())
    assert store.get_user("admin").is_admin
    assert not store.get_user("podium").is_admin
    prepare(asked)
    assert {path.read_text() for path in secrets} == drawn
    accounts.admin_password.unlink()
    with pytest.raises(
        ValueError, match="must hold the password that its account was made with, got no file"
    ):
        prepare(asked)


def test_a_secret_that_others_can_read_or_that_is_empty_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "admin-password"
    file.write_text("secret")
    file.chmod(0o644)
    with pytest.raises(ValueError, match="readable by its owner alone, got mode 644"):
        secret_in(file, may_be_made=True)
    file.chmod(0o600)
    assert secret_in(file, may_be_made=False) == "secret"
    file.write_text("")
    with pytest.raises(ValueError, match="must hold a secret, got an empty file"):
        secret_in(file, may_be_made=True)


def test_a_taken_port_and_a_foreign_address_are_named(tmp_path: Path, capsys) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = refused(wishes(tmp_path, port=taken.getsockname()[1]), capsys)
    assert "port must be free, got" in line
    assert "host must be an address of this machine" in refused(wishes(tmp_path, host="203.0.113.9"), capsys)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [((), "name must be what clients call a server"), (("*",), "name must be one host, got '[*]'")],
    ids=["none", "any"],
)
def test_on_all_addresses_its_names_must_be_told(tmp_path: Path, capsys, names, wanted: str) -> None:
    import re

    assert re.search(wanted, refused(wishes(tmp_path, host="0.0.0.0", names=names), capsys))


@pytest.mark.parametrize(
    ("database", "wanted"),
    [
        ("postgresql://me:secret@localhost/mlflow", "must be without its password"),
        ("mysql://me@localhost/mlflow", "must be PostgreSQL's"),
        ("postgresql://me@localhost", "have a name"),
        ("nothing", "must be an address"),
    ],
    ids=["password", "mysql", "nameless", "nothing"],
)
def test_a_database_that_podium_cannot_use_is_named(
    tmp_path: Path, capsys, database: str, wanted: str
) -> None:
    line = refused(wishes(tmp_path, database=database), capsys)
    assert wanted in line
    assert "secret@" not in line


def test_a_database_that_does_not_answer_is_named(tmp_path: Path, capsys) -> None:
    line = refused(wishes(tmp_path, database=f"postgresql://me@127.0.0.1:{free_port()}/mlflow"), capsys)
    assert "database must answer within 5 s" in line


def test_a_bucket_without_a_key_and_one_that_does_not_answer_are_named(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert "s3://b needs a key, got none" in refused(wishes(tmp_path, artifacts="s3://b"), capsys)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert "must be a bucket that answers" in refused(wishes(tmp_path, artifacts="s3://b"), capsys)


def test_a_package_that_lacks_is_named(tmp_path: Path, capsys, monkeypatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "needs flask_wtf, got none; pip install 'podium[server]'" in refused(wishes(tmp_path), capsys)


def test_the_manifests_start_the_server_with_the_same_options_and_settings() -> None:
    deployment = list(yaml.safe_load_all((BASE / "mlflow.yaml").read_text()))[1]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    theirs = dict(one.removeprefix("--").split("=", 1) for one in container["args"])
    target = mlflow_server.Target(uri="postgresql://x", artifacts="s3://mlflow", experiment="")
    ours = mlflow_server.server_command(target, Address("0.0.0.0", 5000), workers=2, accounts=True)[4:]
    options = dict(zip((word.removeprefix("--") for word in ours[::2]), ours[1::2], strict=True))
    del options["backend-store-uri"]  # from the environment there
    assert set(theirs) == set(options)
    same = ("port", "workers", "app-name", "artifacts-destination", "host")
    assert {name: theirs[name] for name in same} == {name: options[name] for name in same}
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert mlflow_server.server_environment().items() <= environment.items()
    settings = configparser.ConfigParser()
    settings.read(BASE / "files" / "auth.ini")
    assert {key: text for key, text in settings["mlflow"].items() if key != "database_uri"} == SETTINGS
