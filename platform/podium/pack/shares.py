"""Packs side by side: each in a process of its own, on a core of its own; and runs that were found faster alone.

The processes are forked: to import torch anew takes longer than many a pack trains. A fork takes one thread along, so only
runs that compute on one thread of a CPU are trained so.
"""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from podium.pack.errors import Alone, Unpackable
from podium.pack.train import Told, train_packed
from podium.records.record import RunRecord
from podium.run.errors import ConfigError
from podium.run.folders import find_record, is_final
from podium.run.interrupts import Interrupted, Interrupts, interrupts
from podium.run.processes import end_with
from podium.run.workers import PULSE_S, on_gpus

Config = dict[str, Any]
Train = Callable[[Config, bool], RunRecord]  # a run alone, with pictures or without


@dataclass(frozen=True)
class Share:
    """Runs of one shape that one process trains, and those of them, by place, that leave pictures."""

    configs: Sequence[Config]
    at_least: float
    pictures: Collection[int] = ()


@dataclass(frozen=True)
class Tried:
    """What became of a share: the number of its programs, or the reason why its runs are left to be trained alone.

    ``alone`` are those of them, by place, that could be a program and are trained alone because that is better.
    """

    programs: int
    reason: str | None = None
    alone: Sequence[int] = ()


def forks(runtime: Mapping[str, Any]) -> bool:
    """Whether packs of runs with these settings may be trained by forked processes."""
    return sys.platform == "linux" and runtime["threads"] == 1 and not on_gpus(runtime["accelerator"])


def attempt(share: Share, **more: Any) -> Tried:
    """Train a share here; ``more`` is told to ``train_packed``.

    Raises:
        Interrupted: an end was asked for.
    """
    alone: Sequence[int] = ()
    try:
        _, programs = train_packed(share.configs, at_least=share.at_least, pictures=share.pictures, **more)
        return Tried(programs)
    except Alone as error:
        reason = str(error)
        alone = [k for k, config in enumerate(share.configs) if not is_final(find_record(config))]
    except (Unpackable, ConfigError) as error:
        reason = str(error)
    except Interrupted:
        raise
    except Exception as error:  # a fault of packing is no fault of the runs, which are trained alone
        reason = f"{type(error).__name__}: {error}"
    return Tried(0, " ".join(reason.split()), alone)


def train_shares(
    shares: Sequence[Share],
    processes: int,
    ended: Callable[[int, int, RunRecord], None],
    *,
    train: Train | None = None,
) -> list[Tried]:
    """Train shares, so many at a time; ``ended`` is told of each run that is over: share, place in it, record.

    Runs of forked processes that had better be trained alone are, by ``train``, each in a process of its own while other
    shares go on; where it is null, or all is in one process, they are left.

    Raises:
        Interrupted: an end was asked for; what is over is kept.
    """
    if min(processes, len(shares)) < 2:
        return [attempt(share, ended=_of_share(k, ended)) for k, share in enumerate(shares)]
    waiting = [_Work(k, share) for k, share in enumerate(shares)]
    running = dict[Connection, _Process]()
    tried: dict[int, Tried] = {}
    with interrupts() as asked:
        try:
            while running or (waiting and asked.signum is None):
                while waiting and len(running) < processes and asked.signum is None:
                    process = _Process(waiting.pop(0), train)
                    running[process.words] = process
                for words in wait(list(running), timeout=PULSE_S):
                    process = running[words]  # type: ignore[index]  # the stubs know other things to wait for
                    if (end := process.listen(ended)) is not None:
                        del running[process.words]
                        if process.work.place is None:
                            tried[process.work.number] = end
                            waiting[:0] = process.work.alone(end) if train is not None else ()
                _pass_on(asked, running.values())
        finally:
            for process in running.values():
                process.end()
        asked.check()
    return [tried[k] for k in range(len(shares))]


@dataclass(frozen=True)
class _Work:
    """A share, or a run of it, by place, that is trained alone."""

    number: int
    share: Share
    place: int | None = None

    def alone(self, tried: Tried) -> list["_Work"]:
        """Its runs that are to be trained alone."""
        return [replace(self, place=place) for place in tried.alone]

    def carry_out(self, ended: Told, train: Train | None) -> Tried:
        """Train here.

        Raises:
            Interrupted: an end was asked for.
        """
        if self.place is None or train is None:
            return attempt(self.share, ended=ended)
        ended(self.place, train(self.share.configs[self.place], self.place in self.share.pictures))
        return Tried(0)


class _Process:
    """A process that trains. It is in a session of its own: Ctrl-C is for the one that started it."""

    def __init__(self, work: _Work, train: Train | None) -> None:
        self.work = work
        self.asked = False
        context = multiprocessing.get_context("fork")
        self.words, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_carry_out, args=(work, train, theirs, os.getpid()), daemon=True
        )
        with warnings.catch_warnings():  # of threads, which the progress bar has
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        theirs.close()

    def listen(self, ended: Callable[[int, int, RunRecord], None]) -> Tried | None:
        """Take one word from it; what became of its work, once it says so or is gone."""
        try:
            word = self.words.recv()
        except (EOFError, OSError):
            self._process.join()
            word = Tried(0, f"their process ended with code {self._process.exitcode}")
        if isinstance(word, Tried):
            self._process.join()
            return word
        place, record = word
        ended(self.work.number, place, record)
        return None

    def ask(self, signum: int) -> None:
        """Ask it for an end, once."""
        if not self.asked and self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signum)
        self.asked = True

    def end(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()


def _pass_on(asked: Interrupts, running: Collection[_Process]) -> None:
    if asked.signum is not None:
        for process in running:
            process.ask(asked.signum)


def _carry_out(work: _Work, train: Train | None, words: Connection, parent: int) -> None:
    os.setsid()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, signal.SIG_DFL)  # until training begins nothing is there to be saved
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    try:
        words.send(work.carry_out(lambda place, record: words.send((place, record)), train))
    except Interrupted as error:
        words.send(Tried(0, str(error)))


def _of_share(number: int, ended: Callable[[int, int, RunRecord], None]) -> Told:
    return lambda place, record: ended(number, place, record)
