"""A driver of sweeps of a few lines in place of Ray: one trial at a time and one that waits, as Tune has on one core."""

import contextlib

from podium.sweep.memory import Memory
from podium.sweep.plan import rungs
from podium.sweep.trial import Trial

from . import fake

EPOCHS = 9


class Ended(Exception):
    """The driver was killed here."""


class Driver:
    """Carries a search out; ``operations`` are left before it ends, null: it comes to its end.

    Trials that are ``over`` are passed by, as Tune does after a restart.
    """

    def __init__(self, plan, *, operations=None, at_once=2, over=()):
        self.plan, self.left, self.at_once, self.over = plan, operations, at_once, over
        self.memory = Memory(plan, max_epochs=EPOCHS)
        self.running, self.decisions = [], []

    def operation(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Ended

    def fill(self):
        while len(self.running) < self.at_once and (asked := self.memory.ask()) is not None:
            self.operation()
            if asked[0] not in self.over:
                self.running.append((*asked, iter(rungs(self.plan.search, EPOCHS))))

    def step(self):
        number, point, stops = self.running.pop(0)
        epochs = next(stops)
        config = Trial(self.plan, point, fake.tools()).config(0, None)
        value = fake.error_after(config, epochs or EPOCHS)
        if epochs is None:
            self.memory.tell(
                number, [value, fake.cost_of(config)] if self.plan.search.kind == "pareto" else [value]
            )
            self.decisions.append((number, point, "finished"))
        elif self.memory.report(number, epochs, value):
            self.decisions.append((number, point, f"stopped at {epochs}"))
        else:
            self.running.insert(0, (number, point, stops))
        self.operation()


def carried_out(plan, **how):
    """Every decision of a search, up to where its driver ended."""
    driver = Driver(plan, **how)
    with contextlib.suppress(Ended):
        driver.fill()
        while driver.running:
            driver.step()
            driver.fill()
    return driver.decisions
