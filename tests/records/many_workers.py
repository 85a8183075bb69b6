"""Many workers that log at once, each as on a machine of its own: python many_workers.py URI FOLDER WORKERS POINTS."""

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from podium.records import store  # noqa: F401  imported once, before the workers
from podium.records.pusher import Pusher, find_runs
from records.folders import config, finish, start, take

PUSHES = 5


def work(
    uri: str, folder: Path, worker: int, points: int, gate: "multiprocessing.synchronize.Barrier"
) -> None:
    """One run: some points, a push, and so on; what happened goes into a file."""
    root = folder / f"machine{worker}"
    journal, made = start(
        root / "a",
        seed=worker,
        points=0,
        config=config(worker, uri=uri, artifacts=None),
        groups=["sweep", f"trial{worker}"],
    )
    pusher = Pusher(uri=None)
    seconds, wrong = [], []
    gate.wait()
    for push in range(PUSHES):
        take(journal, push * points // PUSHES, (push + 1) * points // PUSHES)
        if push == PUSHES - 1:
            finish(root / "a", journal, made)
        began = time.monotonic()
        report = pusher.push(find_runs(root))
        seconds.append(time.monotonic() - began)
        wrong += [*report.problems, *report.away.values()]
    report = pusher.push(find_runs(root))
    pusher.close_groups(report)
    wrong += [*report.problems, *report.away.values()]
    (folder / f"{worker}.json").write_text(json.dumps({"seconds": seconds, "wrong": wrong}))


def main() -> None:
    uri, folder, workers, points = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    fork = multiprocessing.get_context("fork")
    gate = fork.Barrier(workers)
    family = [fork.Process(target=work, args=(uri, folder, k, points, gate)) for k in range(workers)]
    for one in family:
        one.start()
    for one in family:
        one.join()
    sys.stdout.flush()
    os._exit(max(one.exitcode or 0 for one in family))


if __name__ == "__main__":
    main()
