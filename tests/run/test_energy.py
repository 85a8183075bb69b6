import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from podium.run import energy
from podium.run.energy import Energy

CPU = torch.device("cpu")


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Counters of two packages and of a part of the first, as the kernel shows them."""
    for name, counter in (("intel-rapl:0", 5_000_000), ("intel-rapl:1", 1_000_000), ("intel-rapl:0:0", 7)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{counter}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("8000000\n")
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    return tmp_path


def test_the_counters_of_all_packages_are_added(packages):
    with Energy(CPU) as spent:
        (packages / "intel-rapl:0" / "energy_uj").write_text("6500000")
        (packages / "intel-rapl:1" / "energy_uj").write_text("1250000")
        (packages / "intel-rapl:0:0" / "energy_uj").write_text("999999")
    assert spent.joules == pytest.approx(1.75)


def test_a_counter_that_began_anew_has_gone_round(packages):
    with Energy(CPU) as spent:
        (packages / "intel-rapl:0" / "energy_uj").write_text("1000000")
    assert spent.joules == pytest.approx(4.0)


@pytest.mark.parametrize("lost", ["intel-rapl:0", "intel-rapl:1"])
def test_a_package_that_does_not_tell_makes_no_sum(packages, lost):
    (packages / lost / "energy_uj").write_text("secret")
    with Energy(CPU) as spent:
        pass
    assert spent.joules is None


def test_a_machine_without_counters_has_no_energy(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    with Energy(CPU) as spent:
        pass
    assert spent.joules is None


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """A GPU whose tool is a script of the test: it writes its lines and waits until it is ended."""

    def make(lines: str) -> torch.device:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f'#!/bin/sh\nprintf "{lines}"\necho "$@" > {tmp_path}/asked\nexec sleep 60\n')
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1234-abcd")
        )
        return torch.device("cuda", 0)

    return make


def until_asked(folder: Path) -> None:
    for _ in range(2000):
        if (folder / "asked").is_file() and (folder / "asked").read_text().endswith("\n"):
            return
        energy.time.sleep(0.01)


def test_the_power_of_a_gpu_times_seconds_is_energy(gpu, tmp_path, monkeypatch):
    device = gpu("300.0\\n500.0\\n")
    with Energy(device) as spent:
        until_asked(tmp_path)
        spent._began = energy.time.perf_counter() - 2.0
    assert spent.joules == pytest.approx(800, rel=0.2)
    assert "--id=GPU-1234-abcd" in (tmp_path / "asked").read_text()


def test_a_gpu_that_does_not_tell_its_power_has_no_energy(gpu, tmp_path):
    with Energy(gpu("[N/A]\\n")) as spent:
        until_asked(tmp_path)
    assert spent.joules is None


def test_a_gpu_without_its_tool_has_no_energy(gpu, tmp_path, monkeypatch):
    device = gpu("1\\n")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with Energy(device) as spent:
        pass
    assert spent.joules is None
