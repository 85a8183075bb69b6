"""Packs on another device than the CPU: the simulation, masks, what is checked before, compiled programs."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from podium.pack.choice import Choice, choose
from podium.pack.errors import Unpackable
from podium.pack.fold import FoldedDropout, FoldedDropout2d, Lanes, _Masks
from podium.pack.form import Form
from podium.pack.home import CPU
from podium.pack.lane import Lane
from podium.pack.program import Program
from podium.pack.trial import check_same, first_rows
from podium.run.under_way import environment_of

from .device_cases import lanes_of
from .sides import MLP, configs_of, packed


def test_a_pack_stays_on_a_simulated_device() -> None:
    cases = Path(__file__).with_name("device_cases.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "13 passed" in done.stdout


@pytest.mark.parametrize(
    ("twin", "own"), [(FoldedDropout, torch.nn.Dropout), (FoldedDropout2d, torch.nn.Dropout2d)]
)
def test_masks_of_another_device_are_those_that_each_run_draws_there(
    twin: type[FoldedDropout], own: type[torch.nn.Module]
) -> None:
    """Checked on the CPU: torch's own dropout draws from each lane's stream, and the stream goes on where it would alone."""
    rates, shape = (0.2, 0.0, 0.7), (4, 3, 5, 5)
    modules = [own(rate) for rate in rates]
    streams = [torch.Generator().manual_seed(seed) for seed in range(3)]
    folded = twin.of(modules[0], modules, Lanes(streams))
    whole = (4, 3, 1, 1) if twin.whole_channels else shape
    process = torch.get_rng_state()
    masks = [folded._drawn_there(_Masks(torch.Size([3, *whole]), rates, CPU)).clone() for _ in range(2)]
    for lane, module in enumerate(modules):
        torch.manual_seed(lane)
        for mask in masks:
            assert torch.equal(mask[lane].expand(shape), module(torch.ones(shape)))
        assert torch.equal(streams[lane].get_state(), torch.get_rng_state())
    torch.set_rng_state(process)
    assert not torch.equal(masks[0], masks[1])


def test_the_check_before_a_pack_is_made_without_tf32_which_is_as_before_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    gradient = Program.gradient

    def look(self: Program, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.append(torch.backends.cudnn.allow_tf32)
        return gradient(self, rows)

    monkeypatch.setattr(Program, "gradient", look)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    check_same(lanes_of("mlp_adam", tmp_path), Form.APART)
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32


def test_a_program_that_does_not_fit_is_left_out_and_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = lanes_of("mlp_adam", tmp_path)
    most = 2

    def seconds(lanes: list[Lane], *, form: Form) -> float:
        if len(lanes) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 1.0

    monkeypatch.setattr("podium.pack.choice.STEP", 2)
    monkeypatch.setattr("podium.pack.choice.seconds_packed", seconds)
    monkeypatch.setattr("podium.pack.choice.seconds_alone", lambda lane: 1.0)
    environment = environment_of(lanes[0].config)
    assert choose(lanes, tmp_path / "some", environment) == Choice(2, Form.GROUPED, 2.0, 1.0)
    most = 1
    with pytest.raises(Unpackable, match="no program of them fits into the memory"):
        choose(lanes, tmp_path / "none", environment)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("wanted", [True, False])
def test_a_pack_is_as_deterministic_as_its_runs_ask_for(
    wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.are_deterministic_algorithms_enabled()
    seen = []
    monkeypatch.setattr(
        "podium.pack.train.check_same",
        lambda lanes, form: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    words = (*MLP, "trainer.max_epochs=1", f"trainer.deterministic={wanted}".lower())
    packed(configs_of(words, ("seed=0", "seed=1"), tmp_path))
    assert seen == [wanted]
    assert torch.are_deterministic_algorithms_enabled() is before


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", [Form.APART, Form.GROUPED])
def test_a_compiled_program_takes_the_steps_of_the_plain_one(form: Form, tmp_path: Path) -> None:
    """On the CPU, with smaller last batches and a lane that leaves."""
    found = []
    for mode in (False, "reduce-overhead"):
        torch.compiler.reset()
        program = Program(lanes_of("cnn_momentum", tmp_path), form=form, compiled=mode)
        assert (program.network.module._compiled_call_impl is not None) is bool(mode)
        rows = first_rows(program.lanes)
        values = []
        for kept in ([0, 1, 2], [0, 2]):
            program.select(kept)
            for end in (16, 16, 5):
                values += program.step(rows[: len(kept), :end])[0].tolist()
            values += program.validation_means().flatten().tolist()
        found.append(values)
    assert found[1] == pytest.approx(found[0], abs=1e-4)
