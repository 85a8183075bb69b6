import math

import pytest
import torch

from podium.optim.cyclic_cosine import CyclicCosine


def schedule_of(cycles, *, rates=(1.0,)):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups)
    return optimizer, CyclicCosine(optimizer, cycles=cycles)


def rates_of(steps, cycles, *, lr=1.0):
    """The rate of every step."""
    optimizer, schedule = schedule_of(cycles, rates=[lr])
    schedule.plan(steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def formula(t, steps, cycles, lr):
    """Formula (2) of the paper, for step t from 1."""
    length = math.ceil(steps / cycles)
    return lr / 2 * (math.cos(math.pi * ((t - 1) % length) / length) + 1)


@pytest.mark.parametrize(("steps", "cycles"), [(12, 3), (12, 1), (12, 12), (100, 5)])
def test_the_rate_is_that_of_the_papers_formula(steps, cycles):
    expected = [formula(t, steps, cycles, 0.2) for t in range(1, steps + 1)]
    assert rates_of(steps, cycles, lr=0.2) == pytest.approx(expected)


def test_cycles_of_unequal_numbers_of_steps_differ_by_one_and_all_end_low():
    seen = rates_of(11, 3)
    starts = [k for k, rate in enumerate(seen) if rate == 1.0]
    assert starts == [0, 3, 7]
    assert all(seen[k - 1] < 0.3 for k in (3, 7, 11))
    assert formula(9, 11, 3, 1.0) == 1.0  # the paper's last cycle would have had three steps of four


def test_more_cycles_than_steps_are_cycles_of_one_step():
    assert rates_of(2, 5) == [1.0, 1.0]


def test_every_group_keeps_its_own_rate():
    optimizer, schedule = schedule_of(1, rates=(1.0, 0.1))
    schedule.plan(4)
    optimizer.step()
    schedule.step()
    first, second = (group["lr"] for group in optimizer.param_groups)
    assert (first, second) == pytest.approx(
        ((math.cos(math.pi / 4) + 1) / 2, (math.cos(math.pi / 4) + 1) / 20)
    )


def test_a_schedule_goes_on_from_its_state():
    whole, (optimizer, schedule) = rates_of(10, 2), schedule_of(2)
    schedule.plan(10)
    for _ in range(4):
        optimizer.step()
        schedule.step()
    again, resumed = schedule_of(2)
    resumed.load_state_dict(schedule.state_dict())
    again.load_state_dict(optimizer.state_dict())
    assert again.param_groups[0]["lr"] == whole[4]
    again.step()
    resumed.step()
    assert again.param_groups[0]["lr"] == whole[5]


def test_no_cycle_is_refused():
    with pytest.raises(ValueError, match=r"^cycles must be at least 1, got 0; .*$"):
        schedule_of(0)
