"""Runs of one shape from configurations to records, trained as one program.

Each is opened, recorded and finished as `podium train` does it: same folder, same files, same identity. What tells it from
one that was trained alone is the tag ``packed``, its place among the lanes of its program and their form ("2 of 3, lane by
lane"), and its costs: ``packed_s`` is its share of the program's time, and ``packed_images_per_s`` what the program trained
in a second.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from torch import Tensor

from podium.data.base import DataModule
from podium.pack.choice import Choice, choose
from podium.pack.errors import Alone, Unpackable
from podium.pack.form import Form
from podium.pack.home import Home, device_of_runs, streams_of
from podium.pack.lane import Lane
from podium.pack.loop import Loop
from podium.pack.network import check_folds, put
from podium.pack.program import Program
from podium.pack.trial import check_same
from podium.records.record import RunRecord, Status
from podium.run.build import build, refusals
from podium.run.engine import determinism, pin_threads
from podium.run.folders import CHECKPOINT_FILE, exclusive, find_folders, find_record, is_final, run_folder
from podium.run.interrupts import Interrupted, Interrupts, interrupts
from podium.run.memory import keep_memory
from podium.run.train import finish_run, measured_costs
from podium.run.under_way import Run, close_run, environment_of, open_run

Config = dict[str, Any]
TAG = "packed"
LONG_S = 600.0  # what an interruption may cost, since a pack has no checkpoints
# times as fast: then a pack may take longer, because not packing costs more than to begin again
WORTH_IT = 2.0
Told = Callable[[int, RunRecord], None]
Judge = Callable[[int, Collection[int]], Collection[int]]


def train_packed(
    configs: Sequence[Config],
    *,
    at_least: float = 1.0,
    choice: Choice | None = None,
    pictures: Collection[int] = (),
    ended: Told = lambda place, record: None,
    judge: Judge = lambda epochs, places: (),
    together: int = 1,
) -> tuple[list[RunRecord], int]:
    """Train checked configurations of one bucket, and return their records and the number of programs.

    They are trained alone where no program is at least so many times as fast as one run after the other. ``choice`` null:
    the fastest form here. ``pictures`` are the places of those that leave pictures. ``ended`` is told of each run, by its
    place, when it is over. ``judge`` is asked after each epoch which of the places under way stop there; as many places in a
    row as are ``together`` are in one program, for it to compare. What is final already is not trained again. A pack that
    is interrupted begins again with the next command, but for the runs that were over.

    Raises:
        Unpackable: they cannot be one program; nothing was trained.
        Alone: they could, but are faster alone, train for long, or one has a checkpoint of its own; nothing was trained.
        ConfigError: parts that do not fit together, or a folder that another process holds; nothing was trained.
        Interrupted: an end was asked for.
    """
    pin_threads(configs[0]["runtime"])
    keep_memory()
    found = [find_record(config) for config in configs]
    open_ = [place for place, record in enumerate(found) if not is_final(record)]
    if not open_:
        return [record for record in found if record is not None], 0
    if len(open_) < 2 and choice is None:
        raise Unpackable("no other run has its shape")
    lanes, data = build_lanes(configs, open_)
    with determinism(configs[0]["trainer"]["deterministic"]):
        check_same(lanes, Form.APART)
        choice = choice or worthwhile(lanes, at_least)
        if choice.form is not Form.APART:
            check_same(lanes, choice.form)
        parts = divided(lanes, most=choice.lanes, together=together)
        for part in parts:
            pack = _Pack(data, form=choice.form, pictures=pictures, ended=ended, judge=judge)
            pack.train(part)
    return [record for config in configs if (record := find_record(config)) is not None], len(parts)


def worthwhile(lanes: Sequence[Lane], at_least: float) -> Choice:
    """The fastest form of these lanes here.

    Raises:
        Alone: it is less than so many times as fast as one run after the other; or it would train for long and is not much
            faster than its runs alone, which have checkpoints.
    """
    config = lanes[0].config
    choice = choose(lanes, Path(config["paths"]["runs"]).absolute(), environment_of(config))
    if choice.speedup < at_least:
        how = "one after the other" if at_least == 1 else f"{at_least:g} at once"
        raise Alone(f"{how} they train faster: one program is {choice.speedup:.2f} times as fast")
    seconds = choice.step_s * len(lanes[0].loader.bounds()) * config["trainer"]["max_epochs"]
    if seconds > LONG_S and choice.speedup < WORTH_IT:
        raise Alone(
            f"a program of them would train for {seconds / 60:.0f} minutes without a checkpoint, "
            f"only {choice.speedup:.2f} times as fast"
        )
    return choice


def divided(lanes: Sequence[Lane], *, most: int, together: int) -> list[list[Lane]]:
    """Lanes for each program: at most so many, unless more of them belong together."""
    parts: list[list[Lane]] = []
    for _, group in groupby(lanes, key=lambda lane: lane.place // together):
        found = list(group)
        if not parts or len(parts[-1]) + len(found) > most:
            parts.append([])
        parts[-1] += found
    return parts


def build_lanes(configs: Sequence[Config], places: Sequence[int]) -> tuple[list[Lane], DataModule]:
    """The lanes of the runs in these places, on the data of the first: a bucket's are the same.

    Raises:
        Unpackable: one of them folds not.
        Alone: one was begun alone.
        ConfigError: parts that do not fit together.
    """
    lanes: list[Lane] = []
    data: DataModule | None = None
    device = device_of_runs(configs[0]["runtime"]["accelerator"])
    for place in places:
        config = configs[place]
        parts = build(config, data)
        streams = [stream.get_state() for stream in streams_of(device)]
        if data is None:
            check_folds(parts.network)
            data = parts.data
            with refusals("data"):
                data.prepare_data()
                data.setup("fit")
                data.fingerprint()
            home = Home.of(data, device)
        lanes.append(Lane.of(config, parts, streams, place, home))
    assert data is not None, "there is a place"
    if any(goes_on(lane.config) for lane in lanes):
        raise Alone("one of them goes on from a checkpoint")
    return lanes, data


def goes_on(config: Config) -> bool:
    """Whether a run was begun alone and has a checkpoint."""
    return any((folder / CHECKPOINT_FILE).is_file() for folder in find_folders(config))


class _Pack:
    """One program's runs, from opening to closing them."""

    def __init__(
        self, data: DataModule, *, form: Form, pictures: Collection[int], ended: Told, judge: Judge
    ) -> None:
        self._data = data
        self._form = form
        self._pictures = pictures
        self._ended = ended
        self._judge = judge
        self._runs: dict[int, Run] = {}
        self._measured: dict[str, float] | None = None

    def train(self, lanes: Sequence[Lane]) -> None:
        """Train lanes to their end; whatever happens, their records and journals say how they ended."""
        with ExitStack() as held:
            for lane in lanes:
                held.enter_context(exclusive(_folder(lane.config)))
            lanes = [lane for lane in lanes if not is_final(find_record(lane.config))]
            if not lanes:
                return
            compiled = lanes[0].parts.trainer.compile
            program = Program(lanes, form=self._form, compiled=compiled)
            with interrupts() as asked:
                self._open(lanes)
                try:
                    self._loop(program, asked)
                except Interrupted as error:
                    self._close_all(Status.INTERRUPTED, str(error))
                    raise
                except BaseException as error:
                    self._close_all(Status.FAILED, f"{type(error).__name__}: {error}".splitlines()[0])
                    raise

    def _loop(self, program: Program, asked: Interrupts) -> None:
        config = program.lanes[0].config
        self._asked = asked
        Loop(
            program,
            self,
            every_n_steps=config["runtime"]["flush_every_n_steps"],
            max_epochs=config["trainer"]["max_epochs"],
        ).run(asked)

    def _open(self, lanes: Sequence[Lane]) -> None:
        seen = self._data.fingerprint()
        for number, lane in enumerate(lanes, start=1):
            config = lane.config
            tags = {TAG: f"{number} of {len(lanes)}, {self._form}"}
            run = open_run(config, _folder(config), find_record(config), seen, tags)
            self._runs[lane.place] = replace(run, pictures=lane.place in self._pictures)

    def point(self, lane: Lane, step: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Note the values of some metrics of a lane."""
        journal = self._runs[lane.place].journal
        journal.points(step, epoch, metrics)
        journal.flush()

    def diverged(self, lane: Lane, reason: str) -> None:
        """A lane's loss was not finite."""
        self._ended(lane.place, close_run(self._runs.pop(lane.place), Status.DIVERGED, reason))

    def finished(self, lane: Lane, state: Mapping[str, Tensor]) -> None:
        """Leave behind what a run leaves."""
        self._asked.check()
        put(state, lane.parts.network)
        if self._measured is None:
            self._measured = measured_costs(lane.parts, lane.config)
        spent = {"packed_s": lane.seconds, "packed_images_per_s": lane.examples / lane.seconds}
        run = self._runs[lane.place]
        record = finish_run(run, lane.parts, lane.config, spent, lane.home.device, measured=self._measured)
        del self._runs[lane.place]
        self._ended(lane.place, record)

    def rung(self, epochs: int) -> Collection[int]:
        """Close the runs that are stopped here."""
        gone = set(self._judge(epochs, sorted(self._runs)))
        for place in gone:
            self._ended(place, close_run(self._runs.pop(place), Status.STOPPED))
        return gone

    def _close_all(self, status: Status, error: str) -> None:
        for run in self._runs.values():
            close_run(run, status, error)
        self._runs.clear()


def _folder(config: Config) -> Path:
    return (find_folders(config) or [run_folder(config)])[0]
