"""The workers of one trial on the nodes of a cluster: an actor of Ray in each bundle of the trial's placement group.

The trial itself reserves nothing: it keeps the record beside the first worker, whose GPU it evaluates with while the
workers rest. They are used again for the trial's next run, and end with the trial. docs/decisions/0020 says why they
are not started by Ray Train. This file imports Ray; the room imports this file when a sweep begins.
"""

import fcntl
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.tune import PlacementGroupFactory
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from podium.run.errors import WorkerFailed, WorkerLost
from podium.sweep.settings import Cluster

if TYPE_CHECKING:
    from podium.run.workers import Family

ASKED_FILE = "asked"  # the signal by which workers are asked for an end
LOCK_FILE = ".worker.lock"
SCRATCH = ".together-"
GPUS = "CUDA_VISIBLE_DEVICES"
LOOK_S = 1.0
GRACE_S = 10.0  # for the others, once one has ended badly


@dataclass(frozen=True)
class Place:
    """Where a worker is: its node's address, and the GPUs that are its own."""

    node: str
    gpus: list[str]


def are_spread(cluster: Cluster, runtime: Mapping[str, Any]) -> bool:
    """Whether a trial's workers may be on several nodes: those of one machine are its processes."""
    return cluster.address != "local" and runtime["devices"] > 1


def resources(cluster: Cluster, runtime: Mapping[str, Any]) -> PlacementGroupFactory:
    """What Tune has Ray set aside for a trial: on one node, or a bundle for each worker, on as few nodes as it goes."""
    workers, gpus = runtime["devices"], cluster.gpus_per_trial
    if not are_spread(cluster, runtime):
        return PlacementGroupFactory([_bundle(runtime["threads"] * workers, gpus)])
    each = _bundle(runtime["threads"], gpus / workers)
    return PlacementGroupFactory([{}, *[each] * workers], strategy="PACK")


def _bundle(cpus: int, gpus: float) -> dict[str, float]:
    return {"CPU": cpus, **({"GPU": gpus} if gpus else {})}


class Worker:
    """One worker of a trial: a process of its own on some node."""

    def __init__(self, folder: str) -> None:
        os.chdir(folder)
        self.gpus = [str(gpu) for gpu in ray.get_gpu_ids()]
        os.environ[GPUS] = ",".join(self.gpus)  # Ray leaves those of others in sight where none was asked for

    def place(self) -> Place:
        """Where it is."""
        return Place(ray.util.get_node_ip_address(), self.gpus)

    def prepare(self) -> None:
        """Import what it trains with, which takes seconds, while the trial does so too."""
        import podium.run.worker  # noqa: F401  # to import it is all that is wanted

    def port(self) -> int:
        """A free one of its node."""
        with socket.socket() as probe:
            probe.bind(("", 0))
            return int(probe.getsockname()[1])

    def train(self, order: str, environment: Mapping[str, str]) -> None:
        """Train its part of an order."""
        import torch

        from podium.run.worker import work

        os.environ.update(environment)
        try:
            with _listening(Path(order).with_name(ASKED_FILE)), _alone(Path(order).parents[1], environment):
                work(Path(order))
        finally:  # the others must not wait for one that failed
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
            torch.cuda.empty_cache()  # the trial evaluates on the same GPU


class Together:
    """Starts workers in the bundles of the placement group of the trial in which it is made, one in each."""

    def __init__(self) -> None:
        self.actors: list[Any] = []
        self.places: list[Place] = []
        self._make()
        os.environ[GPUS] = ",".join(self.places[0].gpus)  # the trial is in the first bundle too

    def check(self, accelerator: str, workers: int) -> None:
        """There is room: the placement group was had."""

    def tags(self) -> dict[str, str]:
        """The nodes by worker."""
        return {"nodes": ", ".join(place.node for place in self.places)}

    @contextmanager
    def scratch(self, folder: Path) -> Iterator[Path]:
        """A folder inside the run's, which all nodes see; those of trials that were killed go."""
        for left in folder.glob(f"{SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        place = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=folder))
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def begin(self, order: Path, workers: int) -> "Family":
        """Let the workers train, each as if alone on its machine: it sees no GPU but its own.

        Raises:
            WorkerLost: one is gone.
        """
        try:
            if not self.actors:
                self._make()
            group = {
                "MASTER_ADDR": self.places[0].node,
                "MASTER_PORT": str(ray.get(self.actors[0].port.remote())),
                "WORLD_SIZE": str(workers),
                "LOCAL_WORLD_SIZE": "1",
                "LOCAL_RANK": "0",
                "TORCHELASTIC_RUN_ID": "podium",
            }
        except ray.exceptions.RayActorError as error:
            raise WorkerLost("worker 0 was lost before it began") from error
        training = [
            actor.train.remote(str(order), group | {"RANK": str(rank), "GROUP_RANK": str(rank)})
            for rank, actor in enumerate(self.actors)
        ]
        return _Training(self, training, order)

    def end(self) -> None:
        """End all workers at once; new ones are made when they are needed."""
        for actor in self.actors:
            ray.kill(actor)
        self.actors = []

    def _make(self) -> None:
        group = ray.util.get_current_placement_group()
        assert group is not None, "a trial has a placement group"
        self.actors = [_actor(group, bundle) for bundle in range(group.bundle_count)]
        self.places = ray.get([actor.place.remote() for actor in self.actors])
        for actor in self.actors:
            actor.prepare.remote()


def _actor(group: PlacementGroup, bundle: int) -> Any:
    """A worker that takes all that its bundle holds."""
    holds = group.bundle_specs[bundle]
    where = PlacementGroupSchedulingStrategy(group, bundle, placement_group_capture_child_tasks=False)
    made = ray.remote(Worker).options(
        num_cpus=holds["CPU"], num_gpus=holds.get("GPU", 0), scheduling_strategy=where
    )
    return made.remote(str(Path.cwd()))


class _Training:
    """Workers that train."""

    def __init__(self, together: Together, training: Sequence["ray.ObjectRef[None]"], order: Path) -> None:
        self.together = together
        self.running = list(training)
        self.order = order

    def training(self) -> bool:
        """Whether any of them still trains.

        Raises:
            WorkerFailed: one ended badly.
            WorkerLost: one is gone.
        """
        over, running = ray.wait(self.running, num_returns=len(self.running), timeout=0)
        for one in over:
            if (error := _error_of(one)) is not None:
                raise self._failure(self.running.index(one), error)
        return bool(running)

    def ask(self, signum: int) -> None:
        """Ask all for an end."""
        self.order.with_name(ASKED_FILE).write_text(str(signum))

    def end(self) -> None:
        """End those that still train."""
        if ray.wait(self.running, num_returns=len(self.running), timeout=0)[1]:
            self.together.end()

    def _failure(self, rank: int, error: Exception) -> Exception:
        """What ended the training: when a worker is lost the others fail too, often before Ray knows of it."""
        over, running = ray.wait(self.running, num_returns=len(self.running), timeout=GRACE_S)
        for k, one in enumerate(self.running):
            lost = _error_of(one) if one in over else None
            if isinstance(lost, ray.exceptions.RayActorError):
                made = WorkerLost(f"{self._named(k)} was lost")
                made.__cause__ = lost
                return made
        if running:
            return WorkerLost(f"{self._named(self.running.index(running[0]))} does not answer")
        cause = getattr(error, "cause", error)
        return WorkerFailed(f"{self._named(rank)} failed: {type(cause).__name__}: {cause}")

    def _named(self, rank: int) -> str:
        return f"worker {rank} of {len(self.running)} on {self.together.places[rank].node}"


def _error_of(one: "ray.ObjectRef[None]") -> Exception | None:
    try:
        ray.get(one)
    except ray.exceptions.RayError as error:
        return error
    return None


@contextmanager
def _listening(asked: Path) -> Iterator[None]:
    """Give this process the signal that the trial, on another node, writes down."""
    over = threading.Event()

    def listen() -> None:
        while not over.wait(LOOK_S):
            if asked.is_file() and (signum := asked.read_text()):
                os.kill(os.getpid(), int(signum))
                return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _alone(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """The first worker writes into the run's folder: wait for one that was thought lost and is not."""
    if environment["RANK"] != "0":
        yield
        return
    with (folder / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
