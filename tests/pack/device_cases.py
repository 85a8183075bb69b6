"""A pack on another device than the CPU, simulated: no GPU is needed. `test_device.py` runs this in a process of its own.

Tensors have shapes, types and devices, but no values (torch's FakeTensorMode). What meets a tensor of another device is an
error, and so is a look at a value, which on a GPU would wait for it. The device is one that torch lets programs register,
because fake gradients of a GPU ask its driver. Torch's autograd counts the devices when it is first used: one that is
registered later has no queue there.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorDeviceMismatchError,
    FakeTensorMode,
)
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from podium.data.arrays import Arrays, resident
from podium.pack.fold import FoldedDropout, Lanes
from podium.pack.form import Form
from podium.pack.home import Home
from podium.pack.lane import Lane
from podium.pack.program import Program
from podium.pack.train import build_lanes
from podium.pack.trial import first_rows
from podium.tricks.mixup import Mixup

from .sides import CNN, MLP, configs_of

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
NAME = "stand_in"
ROOM = 10**9
EVERY = (
    "tricks=[dropout,l1,l2,label_smoothing,grad_clip,weight_decay,max_norm,ema,mixup]",
    "tricks.dropout.input_p=0.1",
)
CASES = {
    "mlp_adam": (*MLP, *EVERY, "network.norm=before"),
    "mlp_adamw": (*MLP, "optimizer=adamw", "optimizer.weight_decay=0.1"),
    "cnn_momentum": (*CNN, *EVERY, "network.norm=after", "optimizer=momentum", "optimizer.weight_decay=0.01"),
    "cnn_rmsprop": (*CNN, "network.activation=prelu", "optimizer=rmsprop", "optimizer.momentum=0.5"),
}


@pytest.fixture(scope="module")
def there() -> torch.device:
    """The device that stands for a GPU."""
    if torch._C._get_privateuse1_backend_name() != NAME:
        _setup_privateuseone_for_python_backend(NAME)
    return torch.device(NAME, 0)


@pytest.fixture
def made(
    there: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Program, torch.Tensor]]]:
    """Makes the program of a case on the device, and the rows of its first batch, inside the simulation."""
    for room in ("fold", "mixing"):
        monkeypatch.setattr(f"podium.pack.{room}.drawing_from", lambda generator, device: nullcontext())
    monkeypatch.setattr(Mixup, "draw", lambda self, count: (0.5, torch.arange(count)))
    fake = FakeTensorMode(allow_non_fake_inputs=True)

    def make(name: str, *, form: Form = Form.APART, brought: bool = False) -> tuple[Program, torch.Tensor]:
        lanes = lanes_of(name, tmp_path)
        fake.__enter__()
        home = lanes[0].home
        room = 0 if brought else ROOM
        splits = []
        for split in (home.train, home.validation):
            shown = Arrays(*(fake.from_tensor(tensor) for tensor in (split.input, split.target, split.index)))
            splits.append(resident(shown, there, free=room))
        train, validation = splits
        assert isinstance(train, Arrays)
        assert isinstance(validation, Arrays)
        home = Home(there, train, validation)
        lanes = [replace(lane, home=home) for lane in lanes]
        for module in (module for lane in lanes for module in lane.parts.network.modules()):
            module._buffers |= {name: fake.from_tensor(held) for name, held in module._buffers.items()}
        return Program(lanes, form=form), first_rows(lanes)

    yield make
    fake.__exit__(None, None, None)


def lanes_of(name: str, folder: Path) -> list[Lane]:
    """Three lanes of a case, on the CPU."""
    seeds = ("seed=0", "seed=1 optimizer.lr=0.003", "seed=2")
    return build_lanes(configs_of(CASES[name], seeds, folder), range(3))[0]


def everything(program: Program) -> dict[str, torch.Tensor]:
    """What a program holds from step to step."""
    network, update = program.network, program.update
    held = {"weights": network.weights, "rate": update.rate, "mask": program.edits._mask}
    held |= {f"hyper {name}": column for name, column in update.hyper.items()}
    held |= {f"memory {k}": matrix for k, matrix in enumerate(update.memory)}
    held |= {f"trick {k}": column for k, (_, column) in enumerate(program.edits._strengths)}
    if (average := program.edits.average) is not None:
        held |= {f"average {name}": tensor for name, tensor in average.held.items()}
        held |= {"average share": average._share, "average warmup": average._warm}
    held |= {f"buffer {name}": buffer for name, buffer in network.module.named_buffers()}
    return held


@pytest.mark.parametrize(
    ("name", "form", "brought"),
    [
        ("mlp_adam", Form.GROUPED, False),
        ("mlp_adamw", Form.GROUPED, True),
        ("cnn_momentum", Form.APART, True),
        ("cnn_momentum", Form.CHANNELS_LAST, False),
        ("cnn_rmsprop", Form.GROUPED, False),
    ],
)
def test_steps_validation_and_lanes_that_leave_stay_on_the_device_and_wait_for_nothing(
    name: str, form: Form, brought: bool, made: Callable[..., tuple[Program, torch.Tensor]]
) -> None:
    program, rows = made(name, form=form, brought=brought)
    device = program.home.device
    for kept in ([0, 1, 2], [0, 2]):
        program.select(kept)
        program.rates_changed()
        for of_step in (rows[: len(kept)], rows[: len(kept), :5]):  # the last batch of an epoch is smaller
            losses, wrong = program.step(of_step)
            assert losses.device == wrong.device == device
            assert losses.shape == wrong.shape == (len(kept),)
        means = program.validation_means()
        assert (means.device, means.shape) == (device, (2, len(kept)))
        elsewhere = {what for what, tensor in everything(program).items() if tensor.device != device}
        assert elsewhere == set()
    assert all(tensor.device == device for tensor in program.state(1).values())


def leave_rate(program: Program) -> None:
    program.update.rate = program.update.rate.cpu()


def leave_strength(program: Program) -> None:
    trick, column = program.edits._strengths[-1]
    program.edits._strengths[-1] = (trick, column.cpu())


def leave_statistics(program: Program) -> None:
    program.network.module.cpu()


def leave_memory(program: Program) -> None:
    program.update.memory[-1] = program.update.memory[-1].cpu()


def leave_average(program: Program) -> None:
    average = program.edits.average
    assert average is not None
    average.held[""] = average.held[""].cpu()


def leave_masks(program: Program) -> None:
    for module in program.network.module.modules():
        if isinstance(module, FoldedDropout):
            module.lanes = Lanes(module.lanes.generators)


def leave_examples(program: Program) -> None:
    train = program.home.train
    program.home = replace(
        program.home, device=torch.device("cpu"), train=replace(train, input=train.input.cpu())
    )


@pytest.mark.parametrize(
    "leave",
    [
        leave_rate,
        leave_strength,
        leave_statistics,
        leave_memory,
        leave_average,
        leave_masks,
        leave_examples,
    ],
)
def test_one_tensor_left_on_the_cpu_is_noticed(
    leave: Callable[[Program], None], made: Callable[..., tuple[Program, torch.Tensor]]
) -> None:
    program, rows = made("cnn_momentum")
    program.step(rows)
    leave(program)
    with pytest.raises((FakeTensorDeviceMismatchError, RuntimeError), match=r"device"):
        program.step(rows)


def test_a_look_at_a_value_is_noticed(made: Callable[..., tuple[Program, torch.Tensor]]) -> None:
    program, rows = made("mlp_adam")
    losses, _ = program.step(rows)
    with pytest.raises(DataDependentOutputException):
        bool(torch.isfinite(losses).all())
    with pytest.raises(DataDependentOutputException):
        program.validate()
