"""One run from configuration to record. The same configuration again goes on where it stopped, or is already done."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import safetensors.torch
import torch

from podium.records.files import sha256_of, write_atomically
from podium.records.journal import JOURNAL_FILE, history, read
from podium.records.record import RunRecord, Status
from podium.run.build import Assembly, build, refusals
from podium.run.changes import Segment, segments
from podium.run.costs import images_per_s, network_costs
from podium.run.engine import check_memory_layout, fit, pin_threads
from podium.run.errors import WorkerLost
from podium.run.folders import (
    PREDICTIONS_FILE,
    WEIGHTS_FILE,
    exclusive,
    find_folders,
    find_record,
    is_final,
    run_folder,
)
from podium.run.interrupts import Interrupted, Interrupts, interrupts
from podium.run.layouts import check_layouts
from podium.run.memory import PeakMemory, keep_memory
from podium.run.pictures import draw
from podium.run.recorder import Diverged
from podium.run.score import predict, save_predictions, scores
from podium.run.teacher import check_teachers
from podium.run.under_way import HERE, Run, close_run, open_run
from podium.run.workers import Start, Told, check_shares, on_gpus, train_together
from podium.run.workers import tags as workers_tags

INFERENCE_TIMED_S = 0.05


def train(
    config: Mapping[str, Any],
    *,
    pictures: bool = True,
    after_first_step: Callable[[], None] = lambda: None,
    start: Start = HERE,
) -> RunRecord:
    """Train a checked configuration and return its record; a finished one is returned as it is.

    ``pictures`` are drawn at the end, which takes longer than training a small network: of one run among many they are
    left out. ``after_first_step`` is called once when training is under way; ``start`` starts the workers where there are
    several. The record's status is FINISHED, DIVERGED, or PAUSED when ``runtime.stop_epoch`` was reached before the end.

    Raises:
        ConfigError: parts that do not fit together; nothing was trained.
        Interrupted: an end was asked for; the same configuration goes on from there.
        WorkerLost: one of several workers is gone; the same configuration goes on from the last checkpoint.
    """
    pin_threads(config["runtime"])
    keep_memory()
    if (done := find_record(config)) is not None and is_final(done):
        return done
    check_teachers(config)
    chain = segments(config)
    parts = build(chain[0].config)
    check_memory_layout(parts)
    with refusals("data"):
        parts.data.prepare_data()
        parts.data.setup("fit")
        seen = parts.data.fingerprint()
        check_shares(parts.data, parts.runtime.devices)
    if parts.runtime.devices > 1:
        start.check(parts.runtime.accelerator, parts.runtime.devices)
    check_layouts(chain, parts.data)
    folder = (find_folders(config) or [run_folder(config)])[0]
    with exclusive(folder):
        before = find_record(config)
        if before is not None and is_final(before):
            return before  # another process finished it while this one was building
        tags = workers_tags(config) | start.tags()
        run = replace(open_run(config, folder, before, seen, tags), pictures=pictures, start=start)
        return _carry_out(run, chain, parts, config, after_first_step)


def _carry_out(
    run: Run,
    chain: list[Segment],
    parts: Assembly,
    config: Mapping[str, Any],
    after_first_step: Callable[[], None],
) -> RunRecord:
    """Train and finish; whatever happens, the record and the journal say how it ended."""
    try:
        with interrupts() as asked:
            parts, told, device = _train(run, chain, parts, asked, after_first_step)
        if told.outcome == "paused":
            return close_run(run, Status.PAUSED)
        return finish_run(run, parts, config, told.costs, device)
    except Diverged as error:
        return close_run(run, Status.DIVERGED, str(error))
    except (Interrupted, WorkerLost) as error:
        close_run(run, Status.INTERRUPTED, str(error))
        raise
    except BaseException as error:  # a run that has ended is never left as running
        close_run(run, Status.FAILED, f"{type(error).__name__}: {error}".splitlines()[0])
        raise


def _train(
    run: Run,
    chain: list[Segment],
    parts: Assembly,
    asked: Interrupts,
    after_first_step: Callable[[], None],
) -> tuple[Assembly, Told, torch.device]:
    """Train the segments that are left one after the other; the parts of the last hold the network."""
    reached = run.reached.epoch if run.reached is not None else 0
    left = chain[sum(segment.begin <= reached for segment in chain) - 1 :]
    peak_mib = 0.0
    for segment in left:
        if len(chain) > 1:  # also the first: a build sets the random generators
            parts = build(segment.config, data=parts.data)
        way = _together if parts.runtime.devices > 1 else _alone
        resumes = run.reached is not None or segment is not left[0]
        told, device = way(run, parts, segment, resumes, asked, after_first_step)
        peak_mib = max(peak_mib, told.peak_mib)
        after_first_step = _nothing
        if told.outcome != "paused":
            break
    return parts, replace(told, peak_mib=peak_mib), device


def _nothing() -> None:
    """What is to be done after the first step was done in an earlier segment."""


def _alone(
    run: Run,
    parts: Assembly,
    segment: Segment,
    resume: bool,
    asked: Interrupts,
    after_first_step: Callable[[], None],
) -> tuple[Told, torch.device]:
    with PeakMemory() as memory:
        recorder, paused = fit(
            parts,
            run.folder,
            seed=run.record.seed,
            title=f"{run.record.name} seed {run.record.seed}",
            journal=run.journal,
            interrupts=asked,
            after_first_step=after_first_step,
            resume=resume,
            begin=segment.begin,
        )
    told = Told(
        outcome="paused" if paused else "finished",
        train_s=recorder.train_s,
        images_per_s=recorder.images_per_s,
        peak_mib=memory.peak_mib,
    )
    return told, parts.task.trainer.strategy.root_device


def _together(
    run: Run,
    parts: Assembly,
    segment: Segment,
    resume: bool,
    asked: Interrupts,
    after_first_step: Callable[[], None],
) -> tuple[Told, torch.device]:
    run.journal.close()  # the first worker writes on in it
    told = train_together(
        segment.config,
        run.folder,
        parts.network,
        resume=resume,
        begin=segment.begin,
        asked=asked,
        after_first_step=after_first_step,
        start=run.start,
    )
    return told, torch.device("cuda" if on_gpus(parts.runtime.accelerator) else "cpu")


def finish_run(
    run: Run,
    parts: Assembly,
    config: Mapping[str, Any],
    spent: dict[str, float],
    device: torch.device,
    *,
    measured: dict[str, float] | None = None,
) -> RunRecord:
    """Read the test split once, and leave predictions, weights, pictures and costs behind.

    Costs are what training ``spent`` and those ``measured``, null: measured here.
    """
    answers = predict(parts.task, parts.data.examples("validation"), device)
    metrics = scores(answers, config, "validation")
    answers = predict(parts.task, parts.data.examples("test"), device)
    metrics |= scores(answers, config, "test")
    save_predictions(run.folder / PREDICTIONS_FILE, answers)
    weights = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in parts.network.state_dict().items()
    }
    write_atomically(run.folder / WEIGHTS_FILE, safetensors.torch.save(weights))
    costs = (measured or measured_costs(parts, config)) | spent
    curves = history(read(run.folder / JOURNAL_FILE))
    if run.pictures:
        draw(run.folder, curves, answers, parts.data)
    files = [PREDICTIONS_FILE, WEIGHTS_FILE, *sorted(p.name for p in run.folder.glob("*.png"))]
    record = run.record.with_(
        metrics=metrics,
        costs=costs,
        history=curves,
        files={name: sha256_of(run.folder / name) for name in files},
    )
    run.record = record
    return close_run(run, Status.FINISHED)


def measured_costs(parts: Assembly, config: Mapping[str, Any]) -> dict[str, float]:
    """What the network costs, of whatever weights; it is on the CPU afterwards."""
    shape = config["data"]["shape"]
    return network_costs(parts.network.cpu(), shape) | {
        "inference_images_per_s": images_per_s(parts.network, shape, parts.data.batch_size, INFERENCE_TIMED_S)
    }
