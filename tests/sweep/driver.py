"""Drivers of sweeps of a few lines in place of Ray: one trial at a time and one that waits, as Tune has on one core."""

import contextlib
import math
from dataclasses import replace

from podium.sweep.memory import Memory
from podium.sweep.plan import rungs
from podium.sweep.population import Population, beginner
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


class PopulationDriver:
    """Carries a population out, one member after the other; each of its operations may be its last."""

    def __init__(self, plan, *, operations=None, order=None):
        self.plan, self.left, self.order = plan, operations, order or (lambda asked: asked)
        self.count = 0

    def operation(self, work, *arguments):
        self.count += 1
        if self.left is not None and self.count > self.left:
            raise Ended
        return work(*arguments)

    def carry_out(self):
        ours = fake.tools()
        tools = replace(
            ours,
            train=lambda *a: self.operation(ours.train, *a),
            begin=lambda *a: self.operation(ours.begin, *a),
        )
        stops = rungs(self.plan.search, EPOCHS)
        begin = beginner(self.plan, tools)
        population = Population(self.plan, stops=stops, begin=begin)
        note = population._note
        population._note = lambda event: self.operation(note, event)
        while asked := self.asked(population):
            for number, point in self.order(asked):
                epochs = stops[number // len(population.generations[0])]
                outcome = Trial(self.plan, point, tools).advance(epochs)
                population.tell(number, [math.nan if outcome.value is None else outcome.value])
        return population

    def asked(self, population):
        found = []
        while (asked := population.ask()) is not None:
            found.append(asked)
        return found


def population_carried_out(plan, **how):
    """A population that came to its end, or to where its driver did."""
    driver = PopulationDriver(plan, **how)
    try:
        return driver.carry_out(), driver.count
    except Ended:
        return None, driver.count
