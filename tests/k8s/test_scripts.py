"""What the pods run: podium's commands are real, the scripts do what they say, images come from hashes and run as nobody."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from installation import K8S, TOP, of_kind, pods, raw

from podium import cli
from podium.run.assemble import board_and_out, compose
from podium.sweep.plan import make_plan

FILES = K8S / "base" / "files"
IMAGES = sorted((K8S / "images").glob("*/Containerfile"))


def podium_commands() -> list[list[str]]:
    """Every podium command that a pod runs."""
    lines = [
        one["command"] + one.get("args", [])
        for pod in pods(raw())
        for one in pod.containers
        if "command" in one
    ]
    lines += [shlex.split(one["spec"]["entrypoint"]) for one in of_kind(raw(), "RayJob")]
    return [line[1:] for line in lines if line[0] == "podium"]


def test_pods_run_commands_that_exist_and_compose() -> None:
    found = podium_commands()
    assert [words[0] for words in found] == ["leaderboard", "verify", "sync", "sweep"]
    for words in found:
        args = cli._parse(*cli._parsers(words), words)
        if words[0] == "leaderboard":
            board_and_out(args.overrides)
        if words[0] == "sweep":
            plan = make_plan(args.overrides, compose)
            assert len(plan.points()) == 16
            assert "tracking=server" in plan.fixed


def sh(
    script: str, *words: str, path: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    if path:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    command = ["sh", str(FILES / script), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_pipeline_job_runs_the_script_that_it_names(tmp_path: Path) -> None:
    (job,) = [one for one in of_kind(raw(), "Job") if one["metadata"]["name"] == "pipeline"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PIPELINE": "studies"}
    done = subprocess.run(container["command"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "/opt/podium/pipelines/studies.py /podium\n"
    assert "COPY pipelines /opt/podium/pipelines\n" in (K8S / "images/podium/Containerfile").read_text()


def test_the_pipeline_job_names_every_pipeline() -> None:
    scripts = {path.stem for path in (TOP / "pipelines").glob("*.py") if "STEPS = (" in path.read_text()}
    (line,) = [
        line for line in (K8S / "base/pipeline/job.yaml").read_text().splitlines() if "PIPELINE is" in line
    ]
    named = re.findall(r"[a-z_0-9]+", line.partition("PIPELINE is")[2].partition(".")[0])
    assert set(named) - {"or"} == scripts


def test_publishing_replaces_a_board_as_a_whole(tmp_path: Path) -> None:
    site, board = tmp_path / "site", tmp_path / "staging" / "digits"
    site.mkdir()
    board.mkdir(parents=True)
    (board / "index.html").write_text("first")
    (board / "old.html").write_text("old")
    assert sh("publish.sh", str(board), str(site)).returncode == 0
    (board / "index.html").write_text("second")
    (board / "old.html").unlink()
    assert sh("publish.sh", str(board), str(site)).stdout == "published digits\n"
    assert [path.name for path in site.iterdir()] == ["digits"]
    assert {path.name: path.read_text() for path in (site / "digits").iterdir()} == {"index.html": "second"}
    assert sh("publish.sh", str(tmp_path / "nothing"), str(site)).returncode != 0
    assert (site / "digits" / "index.html").read_text() == "second"


def fake_postgres(folder: Path) -> Path:
    """Stand-ins that write and read text, so that the scripts' own steps can be seen."""
    tools = folder / "tools"
    tools.mkdir()
    dump = "#!/bin/sh\nfor word; do case $word in --file=*) file=${word#--file=};; esac; done\n"
    (tools / "pg_dump").write_text(
        dump + 'test "$word" != "$FAIL" || exit 1\necho "TABLE DATA of $word" > "$file"\n'
    )
    restore = '#!/bin/sh\nif [ "$1" = --list ]; then cat "$2"; else echo "$@" >> "$SAID"; fi\n'
    (tools / "pg_restore").write_text(restore)
    for tool in tools.iterdir():
        tool.chmod(0o755)
    return tools


def test_backups_are_whole_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    tools, backups = fake_postgres(tmp_path), tmp_path / "backups"
    backups.mkdir()
    for day in range(1, 6):
        for database in ("mlflow", "mlflow_auth"):
            (backups / f"2025010{day}T000000Z.{database}.dump").write_text("TABLE DATA")
    done = sh("backup.sh", path=tools, BACKUPS=str(backups), KEEP="3", FAIL="")
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in backups.iterdir())
    assert len(names) == 6
    assert names[:4] == [
        f"2025010{day}T000000Z.{d}.dump" for day in (4, 5) for d in ("mlflow", "mlflow_auth")
    ]
    failed = sh("backup.sh", path=tools, BACKUPS=str(backups), KEEP="3", FAIL="mlflow_auth")
    assert failed.returncode != 0
    assert not list(backups.glob("*.part"))


def test_a_restore_takes_the_newest_whole_dump_or_the_one_that_is_named(tmp_path: Path) -> None:
    tools, backups, said = fake_postgres(tmp_path), tmp_path / "backups", tmp_path / "said"
    backups.mkdir()
    for stamp, databases in (
        ("1", ("mlflow", "mlflow_auth")),
        ("2", ("mlflow", "mlflow_auth")),
        ("3", ("mlflow",)),
    ):
        for database in databases:
            (backups / f"{stamp}.{database}.dump").write_text("TABLE DATA")
    for named, stamp in (("newest", "2"), ("1", "1")):
        said.write_text("")
        done = sh("restore.sh", path=tools, BACKUPS=str(backups), DUMP=named, SAID=str(said))
        assert done.returncode == 0, done.stderr
        lines = said.read_text().splitlines()
        assert [line.split("/")[-1] for line in lines] == [
            f"{stamp}.mlflow.dump",
            f"{stamp}.mlflow_auth.dump",
        ]
        assert all("--single-transaction" in line and "--clean" in line for line in lines)
    said.write_text("")
    half = sh("restore.sh", path=tools, BACKUPS=str(backups), DUMP="3", SAID=str(said))
    assert half.returncode == 2
    assert "must be a dump" in half.stderr
    assert said.read_text() == "", "half a dump must change nothing"


def test_the_servers_script_is_python_and_has_no_credentials() -> None:
    text = (FILES / "prepare.py").read_text(encoding="utf-8")
    compile(text, "prepare.py", "exec")
    assert len(re.findall(r"os\.environ\[\"\w+\"\]", text)) == 4


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.parent.name)
def test_images_are_built_from_hashes_and_run_as_nobody_special(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    stages = text.split("\nFROM ")
    assert "--require-hashes" in stages[1]
    assert re.search(r"^USER 10001:10001$", stages[-1], re.MULTILINE)
    assert not [word for word in ("USER root", "latest", "ADD ") if word in text]
    (base,) = re.findall(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-\w+", base)
    assert all(stage.startswith("${BASE}") for stage in stages[1:])
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps --no-build-isolation ." in line for line in installs)


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.parent.name)
def test_every_package_of_an_images_lock_has_hashes(path: Path) -> None:
    own = path.parent / "requirements.lock"
    lock = (own if own.is_file() else TOP / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", lock.strip())
    assert len(entries) > 90
    assert all("--hash=sha256:" in entry for entry in entries)


def test_what_an_image_copies_is_not_ignored() -> None:
    text = (K8S / "images" / "podium" / "Containerfile").read_text(encoding="utf-8")
    kept = (K8S / "images" / "podium" / "Containerfile.dockerignore").read_text(encoding="utf-8").split()
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for word in line.split()
    }
    assert all((TOP / name).exists() for name in copied)
    assert {f"!{name}" for name in copied} <= set(kept)
    assert kept[0] == "*"


def test_what_ci_leaves_out_is_said() -> None:
    assert "no kubectl" in (TOP / ".ci" / "run").read_text(encoding="utf-8")
