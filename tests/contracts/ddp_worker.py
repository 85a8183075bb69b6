"""Trains a small network with each trick in turn, alone or as one of several processes, and keeps the weights.

    python ddp_worker.py OUT TRICK...

With the environment of torchrun it is one rank of them; each takes its share of every batch. DRAWS=n draws other random
numbers, and COMMON_NOISE=0 lets every process add gradient noise of its own.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytorch_lightning as pl
import safetensors.torch
import torch
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning.strategies import DDPStrategy
from torch.utils.data import DataLoader, IterableDataset

from podium.contracts import Batch
from podium.run.assemble import compose
from podium.run.build import Assembly, build

BATCHES, SIZE, ACCUMULATE = 4, 8, 2
RANK, RANKS = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
DRAWS = int(os.environ.get("DRAWS", "0"))  # which random numbers a process draws, once the network is made


class Shares(IterableDataset[Batch]):
    """Fixed batches, of which each process sees its share."""

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            yield Batch(batch.input[RANK::RANKS], batch.target[RANK::RANKS])


class OwnDraws(pl.Callback):
    """Each process masks and mixes by random numbers of its own; Lightning gives them all the same."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        torch.manual_seed(100 * DRAWS + RANK)


def parts_of(trick: str, folder: Path) -> Assembly:
    """The parts of a run without batch normalisation, whose statistics are each process's own."""
    network = ["network=cifar_resnet20", "network.norm=none", "network.width=0.25", "data=digits"]
    if trick == "recurrent_dropout":
        network = ["network=rnn", "data=mnist1d"]
    values = [
        *network,
        "optimizer=sgd",
        "trainer.max_epochs=2",
        f"trainer.accumulate={ACCUMULATE}",
        f"tricks=[{trick}]",
        "tracking=none",
        "runtime.progress=false",
        "runtime.accelerator=cpu",
        f"paths.data={folder / 'data'}",
    ]
    if trick == "distillation":
        values.append(f"tricks.distillation.teacher={(folder / 'teacher').read_text()}")
    return build(compose(values))


def train(parts: Assembly, folder: Path) -> None:
    """Train in one process, or as one of several."""
    training = parts.data.examples("train")
    batches = [training.batch(slice(k * SIZE, (k + 1) * SIZE)) for k in range(BATCHES)]
    loader = DataLoader(Shares(batches), batch_size=None)
    several = DDPStrategy(
        cluster_environment=TorchElasticEnvironment(),
        process_group_backend="gloo",
        find_unused_parameters=True,
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=RANKS,
        strategy=several if RANKS > 1 else "auto",
        max_epochs=parts.trainer.max_epochs,
        accumulate_grad_batches=parts.trainer.accumulate,
        callbacks=[OwnDraws(), *parts.tricks],
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
    )
    trainer.fit(parts.task, loader, DataLoader(Shares(batches), batch_size=None))


def main(out: Path, tricks: list[str]) -> None:
    """Train with each trick, and first without; a trick that refuses leaves its reason in place of weights."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if os.environ.get("COMMON_NOISE") == "0":
        torch.distributed.broadcast = lambda *_args, **_settings: None
    for trick in ["", *tricks]:
        path = out / f"{trick}-{RANKS}-{RANK}-{DRAWS}"
        try:
            parts = parts_of(trick, out)
            train(parts, out)
        except ValueError as error:
            path.with_suffix(".refused").write_text(str(error))
            continue
        state = {name: t.detach().contiguous().clone() for name, t in parts.network.state_dict().items()}
        safetensors.torch.save_file(state, path.with_suffix(".safetensors"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
