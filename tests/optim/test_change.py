import copy

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, ReduceLROnPlateau, StepLR

from podium.optim.change import take_up, values_of
from podium.optim.cyclic_cosine import CyclicCosine

SCHEDULES = {
    "constant": lambda o: ConstantLR(o, factor=0.5, total_iters=4),
    "step": lambda o: StepLR(o, step_size=2, gamma=0.1),
    "cosine": lambda o: CosineAnnealingLR(o, T_max=9, eta_min=0.003),
}


def made(rate, schedule, *, momentum=0.9):
    optimizer = SGD([nn.Parameter(torch.ones(2))], lr=rate, momentum=momentum)
    values = values_of(optimizer)
    return optimizer, schedule(optimizer), values


def rates(optimizer, schedule, count, *losses):
    """The rate of each of so many epochs, with a step of the optimizer in each."""
    found = []
    for k in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        for group in optimizer.param_groups:
            group["params"][0].grad = torch.ones(2)
        optimizer.step()
        schedule.step(*([losses[k]] if losses else []))
    return found


def gone_on(optimizer, schedule, make, rate, *, momentum=0.9, base=0.1):
    """A new optimizer with the old one's state, and other values."""
    other, _, values = made(rate, make, momentum=momentum)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return other, take_up(other, make, values=values, rates=[base], place=schedule.state_dict())


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.filterwarnings("error")
def test_from_then_on_the_rates_are_those_of_a_run_that_had_the_values_from_the_start(name):
    make = SCHEDULES[name]
    optimizer, schedule, _ = made(0.1, make)
    rates(optimizer, schedule, 3)
    other, following = gone_on(optimizer, schedule, make, 0.02)
    always, its_schedule, _ = made(0.02, make)
    assert rates(other, following, 6) == rates(always, its_schedule, 9)[3:]


def test_the_same_values_give_the_same_rates_to_the_bit():
    make = SCHEDULES["cosine"]
    optimizer, schedule, _ = made(0.1, make)
    rates(optimizer, schedule, 4)
    other, following = gone_on(optimizer, schedule, make, 0.1)
    assert rates(other, following, 5) == rates(optimizer, schedule, 5)


def test_moments_stay_and_other_values_count():
    make = SCHEDULES["constant"]
    optimizer, schedule, _ = made(0.1, make)
    rates(optimizer, schedule, 3)
    other, _ = gone_on(optimizer, schedule, make, 0.02, momentum=0.5)
    (state,), (before,) = other.state.values(), optimizer.state.values()
    assert torch.equal(state["momentum_buffer"], before["momentum_buffer"])
    assert other.param_groups[0]["momentum"] == 0.5
    assert other.param_groups[0]["initial_lr"] == 0.02


def test_a_schedule_that_takes_its_old_state_goes_on_with_the_old_rate():
    make = SCHEDULES["step"]
    optimizer, schedule, _ = made(0.1, make)
    rates(optimizer, schedule, 3)
    other, forgetful, _ = made(0.02, make)
    other.load_state_dict(optimizer.state_dict())
    forgetful.load_state_dict(schedule.state_dict())
    assert rates(other, forgetful, 2) == pytest.approx([0.01, 0.001])


def plateau(optimizer):
    return ReduceLROnPlateau(optimizer, factor=0.1, patience=0)


@pytest.mark.parametrize(("rate", "expected"), [(0.02, 0.0002), (0.1, 0.001), (0.0, 0.0)])
def test_a_plateau_keeps_its_reductions_and_what_it_has_seen(rate, expected):
    optimizer, schedule, _ = made(0.1, plateau)
    rates(optimizer, schedule, 3, 1.0, 2.0, 2.0)
    other, following = gone_on(optimizer, schedule, plateau, rate)
    if rate == 0.1:
        assert other.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
    assert other.param_groups[0]["lr"] == pytest.approx(expected)
    assert following.get_last_lr() == [other.param_groups[0]["lr"]]
    assert (following.best, following.last_epoch) == (schedule.best, schedule.last_epoch)
    assert rates(other, following, 2, 2.0, 0.5)[1] == pytest.approx(expected / 10)


def test_a_cycle_goes_on_at_its_step():
    def make(optimizer):
        cyclic = CyclicCosine(optimizer, cycles=2)
        cyclic.plan(10)
        return cyclic

    optimizer, schedule, _ = made(0.1, make)
    rates(optimizer, schedule, 7)
    other, following = gone_on(optimizer, schedule, make, 0.02)
    always, its_schedule, _ = made(0.02, make)
    assert rates(other, following, 3) == rates(always, its_schedule, 10)[7:]
