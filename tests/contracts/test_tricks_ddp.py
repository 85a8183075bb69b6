"""Every trick in two processes that train one network, with accumulation.

A trick that draws nothing gives the weights that one process gives on the whole batches; one that draws gives both
processes the same weights, although each draws numbers of its own.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
from torch import Tensor

from podium.records.files import sha256_of
from podium.run.assemble import compose
from podium.run.folders import WEIGHTS_FILE, run_folder
from podium.run.train import train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WORKER = Path(__file__).with_name("ddp_worker.py")
CONF = Path(__file__).parents[2] / "conf" / "tricks"
TRICKS = sorted(path.stem for path in CONF.glob("*.yaml"))
CLOSE = 1e-5  # sums over a batch in another order


def start(out: Path, *tricks: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKER), str(out), *tricks],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_two(out: Path, *tricks: str, **environment: str) -> list[subprocess.Popen[str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    group |= {"GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test", **environment}
    return [start(out, *tricks, RANK=rank, LOCAL_RANK=rank, **group) for rank in ("0", "1")]


def finish(*processes: subprocess.Popen[str]) -> None:
    try:
        for process in processes:
            _, errors = process.communicate(timeout=600)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights that each trick led to, in one process and in two."""
    folder = tmp_path_factory.mktemp("ddp")
    where = [f"paths.data={folder / 'data'}", f"paths.runs={folder / 'runs'}", "tracking=none"]
    small = ["network=cifar_resnet20", "network.norm=none", "network.width=0.25", "data=digits"]
    config = compose([*small, *where, "trainer.max_epochs=1", "runtime.progress=false"])
    train(config)
    teacher = run_folder(config)
    (folder / "teacher").write_text(f"{teacher}@{sha256_of(teacher / WEIGHTS_FILE)}")
    finish(start(folder, *TRICKS), start(folder, *TRICKS, DRAWS="1"))
    finish(*start_two(folder, *TRICKS))
    return folder


def weights(out: Path, trick: str, *, ranks: int = 1, rank: int = 0, draws: int = 0) -> dict[str, Tensor]:
    return safetensors.torch.load_file(out / f"{trick}-{ranks}-{rank}-{draws}.safetensors")


def apart(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    assert first.keys() == second.keys()
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


@pytest.mark.parametrize("trick", ["", *TRICKS])
def test_two_processes_train_one_network(out: Path, trick: str) -> None:
    first, second = (weights(out, trick, ranks=2, rank=rank) for rank in (0, 1))
    assert apart(first, second) == 0
    alone = weights(out, trick)
    if apart(alone, weights(out, trick, draws=1)) == 0:  # it draws nothing
        assert apart(first, alone) < CLOSE


def test_the_comparison_sees_a_difference(out: Path) -> None:
    assert apart(weights(out, ""), weights(out, "label_smoothing")) > 10 * CLOSE
    assert apart(weights(out, "dropout"), weights(out, "dropout", draws=1)) > 10 * CLOSE


def test_noise_that_is_not_common_drives_processes_apart(tmp_path: Path) -> None:
    finish(*start_two(tmp_path, "gradient_noise", COMMON_NOISE="0"))
    first, second = (weights(tmp_path, "gradient_noise", ranks=2, rank=rank) for rank in (0, 1))
    assert apart(first, second) > 10 * CLOSE
