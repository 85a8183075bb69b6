"""The training loop: a lean Lightning Trainer, set up so that a resume is exact and the step is cheap."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning.strategies import DDPStrategy
from torch import nn

from podium.data.arrays import Examples, resident
from podium.data.loader import BatchLoader
from podium.layers.channels_last import corrupted
from podium.run.build import Assembly
from podium.run.epoch import LeanEpoch
from podium.run.errors import ConfigError
from podium.run.folders import CHECKPOINT_FILE
from podium.run.interrupts import Interrupts
from podium.run.precision import ExactSymbols, looks_up
from podium.run.progress import ProgressBar
from podium.run.recorder import Points, Recorder
from podium.run.saver import Saver
from podium.run.workers import on_gpus


def fit(
    parts: Assembly,
    folder: Path,
    *,
    seed: int,
    title: str,
    journal: Points,
    interrupts: Interrupts,
    after_first_step: Callable[[], None],
    resume: bool,
    begin: int,
) -> tuple[Recorder, bool]:
    """Train, or go on training from the folder's checkpoint; the final weights are in ``parts.network`` afterwards.

    Returns what was recorded, and whether training only paused at ``runtime.stop_epoch``. The values of these parts count
    from the epoch ``begin`` on: a checkpoint of exactly so many epochs was written by others.

    Raises:
        Diverged: a loss was not finite.
        Interrupted: an end was asked for; the checkpoint is written.
    """
    loader = training_loader(parts, seed=seed)
    parts.task.workers = parts.runtime.devices
    recorder = Recorder(
        journal, every_n_steps=parts.runtime.flush_every_n_steps, after_first_step=after_first_step
    )
    saver = Saver(
        folder / CHECKPOINT_FILE,
        every_s=parts.runtime.checkpoint_every_s,
        stop_epoch=parts.runtime.stop_epoch,
        interrupts=interrupts,
        loader=loader,
        begin=begin,
    )
    bars = [ProgressBar(recorder, title=title)] if parts.runtime.progress else []
    loop(
        parts,
        folder,
        [*parts.tricks, recorder, *bars, saver],
        loader=loader,
        checkpoint=folder / CHECKPOINT_FILE if resume else None,
    )
    recorder.stop_clock()
    return recorder, saver.paused


def training_loader(parts: Assembly, *, seed: int) -> BatchLoader:
    """Shuffled training batches, as the task wants them."""
    training = parts.data.training(plain=parts.task.augments)
    return BatchLoader(training, batch_size=parts.data.batch_size, seed=seed, shuffle=True)


def loop(
    parts: Assembly,
    folder: Path,
    callbacks: list[pl.Callback],
    *,
    loader: BatchLoader,
    checkpoint: Path | None,
) -> None:
    """Train to the end, from a checkpoint if there is one; what is written into the folder is the callbacks' matter.

    One of several workers takes its share of every batch.
    """
    trainer = make_trainer(parts, folder, callbacks)
    LeanEpoch.into(trainer)
    validation = parts.data.val_dataloader()
    if trainer.world_size > 1:
        for one in (loader, validation):
            one.take_share(trainer.global_rank, of=trainer.world_size)
    for one in (loader, validation):
        one.examples = taken_along(one.examples, trainer.strategy.root_device)
    compile_network(parts.network, parts.trainer.compile)
    with quiet_lightning(), plain_memory():
        trainer.fit(
            parts.task,
            train_dataloaders=loader,
            val_dataloaders=validation,
            ckpt_path=checkpoint,
            weights_only=True,
        )


def check_memory_layout(parts: Assembly) -> None:
    """Check that gradients can be trusted in the layout of pixels that was asked for.

    Raises:
        ConfigError: on this processor those of some layer cannot.
    """
    if not parts.trainer.channels_last or on_gpus(parts.runtime.accelerator):
        return
    if (name := corrupted(parts.network)) is not None:
        raise ConfigError(
            "trainer.channels_last on a CPU needs 1x1 convolutions with a stride to have 16 or more input channels, got "
            f"{name} with fewer, at whose gradient oneDNN writes past its memory; set trainer.channels_last=false"
        )


def compile_network(network: nn.Module, wanted: bool | str) -> None:
    """Let torch compile a network's forward, where it is: in its default mode for true, else in the mode that is named.

    Batches of another size are compiled anew. Names of weights stay.
    """
    if wanted:
        network.compile(mode=None if wanted is True else wanted)


def taken_along(examples: Examples, device: torch.device) -> Examples:
    """Small data sets live on a GPU, so that no step waits for its batch to be copied there; others stay as they are."""
    if device.type != "cuda":
        return examples
    free, _ = torch.cuda.mem_get_info(device)
    return resident(examples, device, free=free)


def make_trainer(parts: Assembly, folder: Path, callbacks: list[pl.Callback]) -> pl.Trainer:
    """A Trainer without the parts that cost time in every step or write where nobody looks."""
    workers = parts.runtime.devices
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if workers > 1 else 1
    with quiet_lightning():
        return pl.Trainer(
            accelerator=parts.runtime.accelerator,
            devices=here,
            num_nodes=workers // here,
            strategy=several() if workers > 1 else "auto",
            sync_batchnorm=workers > 1,
            **_precision(parts),
            max_epochs=parts.trainer.max_epochs,
            accumulate_grad_batches=parts.trainer.accumulate,
            deterministic=parts.trainer.deterministic,
            callbacks=callbacks,
            enable_checkpointing=any(isinstance(one, pl.callbacks.Checkpoint) for one in callbacks),
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )


def _precision(parts: Assembly) -> dict[str, Any]:
    """How a Trainer is told the precision."""
    if parts.trainer.precision == "bf16-true" and looks_up(parts.network, parts.data):
        return {"plugins": ExactSymbols()}
    return {"precision": parts.trainer.precision}


def several() -> DDPStrategy:
    """Workers that were started, each with its place in the environment."""
    # Networks with parts that not every step uses, such as blocks that are dropped, are trained too.
    return DDPStrategy(cluster_environment=TorchElasticEnvironment(), find_unused_parameters=True)


def pin_threads(runtime: Mapping[str, Any]) -> None:
    """Give this process its number of CPU threads: two busy trials with default threads slow each other tenfold."""
    torch.set_num_threads(runtime["threads"])
    with suppress(RuntimeError):  # torch allows it once in a process, before the first parallel region
        torch.set_num_interop_threads(1)


@contextmanager
def plain_memory() -> Iterator[None]:
    """Leave new memory as it is: with deterministic algorithms torch fills it, which only unfinished code can see."""
    setting: Any = torch.utils.deterministic
    before = setting.fill_uninitialized_memory
    setting.fill_uninitialized_memory = False
    try:
        yield
    finally:
        setting.fill_uninitialized_memory = before


@contextmanager
def determinism(wanted: bool) -> Iterator[None]:
    """Deterministic algorithms inside, as training uses them, where they are wanted; as before at the end."""
    was = torch.are_deterministic_algorithms_enabled()
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for them
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's notes about choices that are made here on purpose; errors and other warnings stay."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="You're resuming from a checkpoint that ended before the epoch"
        )
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message="GPU available but not used")
        warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
        warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
