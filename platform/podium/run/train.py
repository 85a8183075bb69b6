"""One run from configuration to record. The same configuration again goes on where it stopped, or is already done."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import yaml

from podium.records.environment import Environment
from podium.records.files import sha256_of, write_atomically
from podium.records.journal import JOURNAL_FILE, Journal, history, read
from podium.records.record import DataPrint, RunRecord, Status, entry_hash
from podium.run.build import Assembly, build, refusals
from podium.run.costs import images_per_s, network_costs
from podium.run.engine import fit, pin_threads
from podium.run.folders import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    PREDICTIONS_FILE,
    WEIGHTS_FILE,
    exclusive,
    find_folders,
    find_record,
    is_final,
    run_folder,
)
from podium.run.interrupts import Interrupted, Interrupts, interrupts
from podium.run.memory import PeakMemory
from podium.run.pictures import draw
from podium.run.recorder import Diverged
from podium.run.saver import checked_checkpoint
from podium.run.score import predict, save_predictions, scores
from podium.run.teacher import check_teachers
from podium.run.workers import Told, check_shares, on_gpus, train_together
from podium.run.workers import tags as workers_tags

INFERENCE_TIMED_S = 0.05
RESUMABLE = (Status.RUNNING, Status.INTERRUPTED, Status.PAUSED, Status.STOPPED)


@dataclass
class Run:
    """A run under way: where it lives and what its record says so far."""

    folder: Path
    record: RunRecord
    journal: Journal
    resume: bool
    pictures: bool

    def save(self, **changes: Any) -> RunRecord:
        """Change the record and write it."""
        self.record = self.record.with_(**changes)
        self.record.save(self.folder)
        return self.record


def train(
    config: Mapping[str, Any], *, pictures: bool = True, after_first_step: Callable[[], None] = lambda: None
) -> RunRecord:
    """Train a checked configuration and return its record; a finished one is returned as it is.

    ``pictures`` are drawn at the end, which takes longer than training a small network: of one run among many they are
    left out. ``after_first_step`` is called once when training is under way. The record's status is FINISHED, DIVERGED, or
    PAUSED when ``runtime.stop_epoch`` was reached before the end.

    Raises:
        ConfigError: parts that do not fit together; nothing was trained.
        Interrupted: an end was asked for; the same configuration goes on from there.
    """
    pin_threads(config["runtime"])
    if (done := find_record(config)) is not None and is_final(done):
        return done
    check_teachers(config)
    parts = build(config)
    with refusals("data"):
        parts.data.prepare_data()
        parts.data.setup("fit")
        seen = parts.data.fingerprint()
        check_shares(parts.data, parts.runtime.devices)
    folder = (find_folders(config) or [run_folder(config)])[0]
    with exclusive(folder):
        before = find_record(config)
        if before is not None and is_final(before):
            return before  # another process finished it while this one was building
        run = open_run(config, folder, before, seen, pictures)
        return _carry_out(run, parts, config, after_first_step)


def environment_of(config: Mapping[str, Any]) -> Environment:
    """What this process runs on, as the record of such a run says it."""
    return Environment.capture(threads=config["runtime"]["threads"], gpus=_gpus(config))


def open_run(
    config: Mapping[str, Any], folder: Path, before: RunRecord | None, seen: DataPrint, pictures: bool
) -> Run:
    """Start the record, or take up that of an interrupted run with its checkpoint."""
    goes_on = before is not None and before.status in RESUMABLE
    workers = config["runtime"]["devices"]
    step = checked_checkpoint(folder / CHECKPOINT_FILE, workers=workers) if goes_on else None
    journal = Journal(folder / JOURNAL_FILE)
    record = RunRecord(
        name=config["name"],
        entry_hash=entry_hash(config),
        seed=config["seed"],
        run_key=before.run_key if before is not None and goes_on else uuid.uuid4().hex,
        status=Status.RUNNING,
        config=dict(config),
        environment=environment_of(config),
        started=before.started if before is not None and goes_on else _now(),
        data=seen,
        groups=list(config["runtime"]["groups"]),
        tags=dict(config["runtime"]["tags"]) | workers_tags(config),
        resumes=before.resumes + 1 if before is not None and goes_on else 0,
    )
    run = Run(folder=folder, record=record, journal=journal, resume=step is not None, pictures=pictures)
    write_atomically(
        folder / CONFIG_FILE, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True).encode()
    )
    run.save()
    if step is None:
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        journal.start(record.run_key)
    else:
        journal.resume(step)
    return run


def _carry_out(
    run: Run, parts: Assembly, config: Mapping[str, Any], after_first_step: Callable[[], None]
) -> RunRecord:
    """Train and finish; whatever happens, the record and the journal say how it ended."""
    try:
        with interrupts() as asked:
            way = _together if parts.runtime.devices > 1 else _alone
            told, device = way(run, parts, config, asked, after_first_step)
        if told.outcome == "paused":
            return close_run(run, Status.PAUSED)
        return finish_run(run, parts, config, told.costs, device)
    except Diverged as error:
        return close_run(run, Status.DIVERGED, str(error))
    except Interrupted as error:
        close_run(run, Status.INTERRUPTED, str(error))
        raise
    except BaseException as error:
        close_run(run, Status.FAILED, f"{type(error).__name__}: {error}".splitlines()[0])
        raise


def _alone(
    run: Run,
    parts: Assembly,
    config: Mapping[str, Any],
    asked: Interrupts,
    after_first_step: Callable[[], None],
) -> tuple[Told, torch.device]:
    with PeakMemory() as memory:
        recorder, paused = fit(
            parts,
            run.folder,
            seed=config["seed"],
            title=f"{config['name']} seed {config['seed']}",
            journal=run.journal,
            interrupts=asked,
            after_first_step=after_first_step,
            resume=run.resume,
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
    config: Mapping[str, Any],
    asked: Interrupts,
    after_first_step: Callable[[], None],
) -> tuple[Told, torch.device]:
    run.journal.close()  # the first worker writes on in it
    told = train_together(
        config, run.folder, parts.network, resume=run.resume, asked=asked, after_first_step=after_first_step
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


def close_run(run: Run, status: Status, error: str | None = None) -> RunRecord:
    """Say in the journal and in the record how the run ended."""
    run.journal.finish(status)
    if run.record.history is None:
        run.record = run.record.with_(history=history(read(run.folder / JOURNAL_FILE)))
    return run.save(status=status, error=error, ended=_now())


def _gpus(config: Mapping[str, Any]) -> list[str]:
    if config["runtime"]["accelerator"] == "cpu" or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(k) for k in range(config["runtime"]["devices"])]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
