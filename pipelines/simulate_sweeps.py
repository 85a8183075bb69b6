"""How far a sweep goes: a cost model with measured figures, checked against real sweeps, and sweeps that nobody has run.

Workers train; one driver serves them one after the other; one process brings their runs to MLflow; all lie in one folder.
Every figure is in ``MEASURED``. docs/scaling.md, and the picture in it, are what this writes::

    python pipelines/simulate_sweeps.py > docs/scaling.md
"""

import heapq
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure

TEMPLATE = Path(__file__).with_suffix(".md.j2")
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "scaling.svg"
HOUR, MIB = 3600.0, 1024  # seconds; KiB
Seconds = Callable[[], float]


@dataclass(frozen=True)
class Measured:
    """What a sweep's parts cost, in seconds unless said otherwise; ``BY`` says what measured each."""

    start_s: float  # from the command to the first trial's begin, and from the last one's end to the page
    check_s: float  # of the driver, before the start, for each trial: its configuration is composed
    driver_s: float  # of the driver's processor, for each trial
    import_s: float  # of each new worker: its first trial takes so much longer
    trial_s: float  # of a worker, for each run beyond its training: seeding, files, records
    search_s: float  # of a worker, for each run and each one that is in the folder already: it is looked for
    end_s: (
        float  # of the driver, after the last trial, for each: its file is read, its row of the page is made
    )
    driver_mib: float
    driver_kib: float  # for each trial
    page_kib: float  # for each trial
    run_kib: float  # on the disk
    run_files: int
    pass_s: float  # of the process that feeds MLflow, for each run that is sent, every two seconds
    push_s: dict[str, float]  # of that process, for each run, by the kind of store
    point_s: dict[str, float]  # and for each point of a metric


BY = {
    "start_s, import_s, trial_s, driver_s, driver_mib, driver_kib": "bench_trials",
    "check_s, search_s, end_s, page_kib, pass_s, push_s, point_s": "bench_tracking",
    "run_kib, run_files": "du",  # dense32 on digits, without pictures
}
LOOKUPS = 4  # times that a trial looks for its run
MEASURED = Measured(
    start_s=35.7,
    check_s=0.0081,
    driver_s=0.014,
    import_s=13.6,
    trial_s=0.074,
    search_s=LOOKUPS * 1.1e-6,
    end_s=0.0017,
    driver_mib=611,
    driver_kib=14,
    page_kib=0.47,
    run_kib=100,
    run_files=8,
    pass_s=84e-6,
    push_s={"SQLite": 0.096, "podium server": 1.047},
    point_s={"SQLite": 1 / 10_220, "podium server": 1 / 3_682},
)
CHECKED = {10: 50.3, 100: 59.5, 1000: 163.0}  # seconds by the clock of real sweeps of so many short trials
SHORT_S = 0.010  # of training in each of those
TRIALS, GPUS, POINTS = 100_000, 1000, 60
TRAINING_S = (1.0, 10.0, 60.0, 600.0, 3600.0)
SPREAD = 0.3  # of the logarithm of a trial's seconds


@dataclass(frozen=True)
class Sweep:
    """Trials of one seed on so many workers, each training for so many seconds and logging so many points."""

    trials: int
    workers: int
    training_s: float
    points: int = POINTS


@dataclass(frozen=True)
class Outcome:
    """What came out: seconds in all, the share of them in which the driver served, and a worker's mean wait for it."""

    seconds: float
    driver_share: float
    wait_s: float


def worker_seconds(sweep: Sweep, there: int, cost: Measured) -> float:
    """What a trial takes a worker, when so many runs are in the folder."""
    return cost.trial_s + sweep.training_s + there * cost.search_s


def queue(
    workers: int, trials: int, *, first_s: float, work: Iterator[float], service: Iterator[float]
) -> Outcome:
    """Workers that ask one driver for the next trial, in the order in which they ask."""
    asking = [(0.0, worker) for worker in range(workers)]
    free, served, waited, last = 0.0, 0.0, 0.0, 0.0
    for number in range(trials):
        asked, worker = heapq.heappop(asking)
        began, takes = max(asked, free), next(service)
        free = began + takes
        served, waited = served + takes, waited + began - asked
        over = free + next(work) + (first_s if number < workers else 0.0)
        last = max(last, over)
        heapq.heappush(asking, (over, worker))
    return Outcome(last, served / last, waited / trials)


def simulate(sweep: Sweep, cost: Measured, *, spread: float) -> Outcome:
    """A whole sweep, its trials' seconds spread lognormally around what they should be."""
    draws = np.random.default_rng(0).lognormal(-(spread**2) / 2, spread, sweep.trials)
    work = (worker_seconds(sweep, number, cost) * draws[number] for number in range(sweep.trials))
    found = queue(
        sweep.workers, sweep.trials, first_s=cost.import_s, work=work, service=repeat(cost.driver_s)
    )
    around = cost.start_s + sweep.trials * (cost.check_s + cost.end_s)
    seconds = around + found.seconds
    return Outcome(seconds, found.driver_share * found.seconds / seconds, found.wait_s)


def straight(sweep: Sweep, cost: Measured) -> float:
    """The same in one line, for trials that all take the same: the busier of workers and driver decides."""
    there = (sweep.trials - 1) / 2
    each = cost.driver_s + worker_seconds(sweep, 0, cost) + there * cost.search_s
    busier = max(each / sweep.workers, cost.driver_s)
    around = cost.start_s + cost.import_s + sweep.trials * (cost.check_s + cost.end_s)
    return around + sweep.trials * busier


def repairmen(workers: int, *, work_s: float, service_s: float) -> float:
    """Trials a second where both times are exponential: one repairman, many machines (Erlang)."""
    terms, term = [1.0], 1.0
    for busy in range(workers):
        term *= (workers - busy) * service_s / work_s
        terms.append(term)
    return (1 - 1 / sum(terms)) / service_s


def feeding_s(sweep: Sweep, cost: Measured, store: str) -> float:
    """What one process needs to bring a sweep to MLflow."""
    return sweep.trials * (cost.push_s[store] + sweep.points * cost.point_s[store])


def shown(seconds: float) -> str:
    """A time for people."""
    for size, unit in ((86400.0, "d"), (HOUR, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 0.9995 else f"{1000 * seconds:.3g} ms"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown; all columns but the first are numbers."""
    head = [f"| {' | '.join(columns)} |", "|---|" + "---:|" * (len(columns) - 1)]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def checked(cost: Measured) -> str:
    """Real sweeps beside what the model says."""
    rows = []
    for trials, real in CHECKED.items():
        told = straight(Sweep(trials, 1, SHORT_S), cost)
        rows.append([f"{trials:,}", f"{real:.1f} s", f"{told:.1f} s", f"{told / real - 1:+.1%}"])
    return table(["trials", "measured", "model", "off by"], rows)


def predicted(cost: Measured) -> str:
    """The large sweep by the length of its trials."""
    rows = []
    for training_s in TRAINING_S:
        sweep = Sweep(TRIALS, GPUS, training_s)
        found = simulate(sweep, cost, spread=SPREAD)
        ideal = TRIALS * training_s / GPUS
        behind = [feeding_s(sweep, cost, store) - found.seconds for store in cost.push_s]
        late = [shown(one) if one > 0 else "not" for one in behind]
        share = f"{found.driver_share:.0%}"
        rows.append(
            [shown(training_s), shown(ideal), shown(found.seconds), share, shown(found.wait_s), *late]
        )
    late_in = [f"MLflow later by, {store}" for store in cost.push_s]
    return table(["a trial", "ideal", "simulated", "driver busy", "a wait for it", *late_in], rows)


def picture(cost: Measured) -> str:
    """Trials an hour against GPUs with the ceilings, as SVG whose bytes depend on the figures alone."""
    gpus = np.unique(np.geomspace(1, 10_000, 60).astype(int))
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="GPUs", ylabel="trials an hour")
    ceilings = {"driver": HOUR / cost.driver_s}
    ceilings |= {f"MLflow, {store}": HOUR / feeding_s(Sweep(1, 1, 0.0), cost, store) for store in cost.push_s}
    for training_s, style in ((60.0, "-"), (600.0, "--")):
        each = cost.driver_s + worker_seconds(Sweep(TRIALS, 1, training_s), 0, cost)
        rates = np.minimum(HOUR * gpus / each, ceilings["driver"])
        axes.plot(gpus, rates, style, color="#1f5fa8", label=f"trials of {shown(training_s)}")
    for name, rate in ceilings.items():
        axes.axhline(rate, color="#b3431e", linewidth=0.8)
        axes.annotate(name, (1.1, rate * 1.08), color="#b3431e", fontsize=8)
    axes.legend(loc="lower right", frameon=False)
    file = io.StringIO()
    with rc_context({"svg.hashsalt": "scaling", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def page(cost: Measured) -> str:
    """The page in Markdown."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    environment.filters |= {"shown": shown, "many": "{:,.0f}".format}
    values = {
        "cost": cost,
        "by": {name: f"`{source}`" for names, source in BY.items() for name in names.split(", ")},
        "feeding": {store: feeding_s(Sweep(1, 1, 0.0), cost, store) for store in cost.push_s},
        "trials": TRIALS,
        "gpus": GPUS,
        "points": POINTS,
        "spread": SPREAD,
        "short_s": SHORT_S,
        "lookups": LOOKUPS,
        "checked": checked(cost),
        "predicted": predicted(cost),
    }
    return environment.get_template(TEMPLATE.name).render(values)


if __name__ == "__main__":
    PICTURE.write_text(picture(MEASURED), encoding="utf-8")
    print(page(MEASURED), end="")
