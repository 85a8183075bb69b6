"""Every optimizer and schedule of conf/ is a torch partial that constructs and steps."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

CONF = Path(__file__).parents[2] / "conf"
OPTIMIZERS = sorted(path.stem for path in (CONF / "optimizer").glob("*.yaml"))
SCHEDULES = sorted(path.stem for path in (CONF / "schedule").glob("*.yaml"))
EPOCHS = 20
INTERPOLATED = {"${trainer.max_epochs}": EPOCHS, "${oc.select:tricks.snapshot_ensemble.cycles,5}": 5}


def make(group: str, name: str, first: Any) -> Any:
    values = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    assert values.pop("_partial_") is True
    module, _, target = values.pop("_target_").rpartition(".")
    values = {key: INTERPOLATED.get(str(value), value) for key, value in values.items()}
    return getattr(importlib.import_module(module), target)(first, **values)


def rates(name: str, losses: list[float]) -> list[float]:
    """The learning rate of each epoch, from 1.0."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = make("schedule", name, optimizer)
    seen = []
    for loss in losses:
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*[loss] if name == "plateau" else [])
    return seen


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_descends(name):
    w = torch.nn.Parameter(torch.ones(3, 3))
    optimizer = make("optimizer", name, [w])
    for _ in range(50):
        optimizer.zero_grad()
        (w**2).sum().backward()
        optimizer.step()
    assert float((w.detach() ** 2).sum()) < 9 * 0.95


def test_the_optimizers_and_schedules_of_the_platform_are_all_there():
    assert {"sgd", "momentum", "adam", "adamw", "rmsprop"} <= set(OPTIMIZERS)
    assert {"constant", "step", "cosine", "cyclic_cosine", "plateau"} == set(SCHEDULES)


def test_constant_keeps_the_rate():
    assert rates("constant", [1.0] * EPOCHS) == [1.0] * EPOCHS


def test_step_divides_the_rate_by_ten_every_ten_epochs():
    assert rates("step", [1.0] * EPOCHS) == pytest.approx([1.0] * 10 + [0.1] * 10)


def test_cosine_falls_from_the_whole_rate_to_nothing_over_the_run():
    seen = rates("cosine", [1.0] * (EPOCHS + 1))
    assert (seen[0], seen[EPOCHS // 2], seen[EPOCHS]) == pytest.approx((1.0, 0.5, 0.0))


def test_cyclic_cosine_begins_anew_five_times():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = make("schedule", "cyclic_cosine", optimizer)
    schedule.plan(EPOCHS)
    seen = []
    for _ in range(EPOCHS):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert seen == pytest.approx(5 * [1.0, 0.8535534, 0.5, 0.1464466])


def test_plateau_waits_for_its_patience_and_then_drops():
    falling = [1 / (n + 1) for n in range(EPOCHS)]
    assert rates("plateau", falling) == [1.0] * EPOCHS
    flat = rates("plateau", [1.0] * 6)
    assert flat == pytest.approx([1.0] * 5 + [0.1])
