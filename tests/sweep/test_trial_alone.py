"""A worker that was thought lost, and its successor: both have the same trial."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from podium.sweep.trial import Trial

from . import fake


@pytest.mark.parametrize("alone", [True, False], ids=["with its lock", "without"])
def test_two_workers_with_one_trial_train_no_epoch_twice(alone, plan_of, monkeypatch):
    plan = plan_of("initializer=he_normal,zeros", "fake.sleep=0.02", "seeds=1", "name=t")
    if not alone:
        monkeypatch.setattr(Trial, "_alone", lambda trial: nullcontext())
    with ThreadPoolExecutor(2) as workers:
        both = [workers.submit(Trial(plan, ("he_normal",), fake.tools()).advance, None) for _ in range(2)]
    (trained,) = fake.epochs_trained("runs").values()
    assert (trained == list(range(1, 10))) is alone
    if alone:
        assert both[0].result() == both[1].result()
