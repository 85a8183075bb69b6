"""A tiny classification problem, and a real Trainer around it."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from podium.contracts import Batch, Trick
from podium.tasks.classification import Classification

FEATURES, HIDDEN, CLASSES = 6, 8, 3
IMAGE = (2, 8, 10)


@dataclass
class Fitted:
    """What a fit leaves behind."""

    network: nn.Module
    trainer: pl.Trainer
    task: Classification


def make_network() -> nn.Module:
    """Dense, with batch norm: weights, gains, biases, float buffers and an integer one."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(FEATURES, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES)
    )


def make_image_network() -> nn.Module:
    """Convolutional, with batch norm, for images of any size."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(IMAGE[0], HIDDEN, 3, padding=1, bias=False),
        nn.BatchNorm2d(HIDDEN),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(HIDDEN, CLASSES),
    )


def make_batches(seed: int, shape: Sequence[int] = (FEATURES,)) -> DataLoader[Batch]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(4, 8, *shape, generator=generator)
    targets = torch.randint(CLASSES, (4, 8), generator=generator)
    batches = [Batch(i, t) for i, t in zip(inputs, targets, strict=True)]
    # a generator of its own: else each epoch draws a seed from the global one, at another moment when resuming
    return DataLoader(batches, batch_size=None, generator=torch.Generator())  # type: ignore[arg-type]


def run_fit(
    tricks: Sequence[Trick],
    *,
    epochs: int = 2,
    callbacks: Sequence[pl.Callback] = (),
    resume: Any = None,
    accumulate: int = 1,
    validate: bool = True,
    lr: float = 0.1,
    schedule: Callable[..., Any] | None = None,
    network: nn.Module | None = None,
    images: bool = False,
    loader: Any = None,
) -> Fitted:
    """Train the tiny network with tricks, on images if asked for; the same call trains the same way."""
    network = network or (make_image_network() if images else make_network())
    shape = IMAGE if images else (FEATURES,)
    for trick in tricks:
        network = trick.edit_network(network)
    constant = partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0, total_iters=0)
    task = Classification(
        network=network,
        tricks=tricks,
        optimizer=partial(torch.optim.SGD, lr=lr, momentum=0.9),
        schedule=schedule or constant,
        num_classes=CLASSES,
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        accumulate_grad_batches=accumulate,
        callbacks=[*tricks, *callbacks],
        logger=False,
        enable_checkpointing=any(isinstance(c, pl.callbacks.Checkpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    torch.manual_seed(2)
    trainer.fit(
        task,
        loader or make_batches(3, shape),
        make_batches(4, shape) if validate else None,
        ckpt_path=resume,
        weights_only=True,
    )
    return Fitted(network, trainer, task)


def copy_of(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class At(pl.Callback):
    """Keeps what ``look`` sees in the network, each time that a hook of Lightning is called."""

    def __init__(self, hook: str, look: Callable[[nn.Module], Any] = copy_of) -> None:
        self.seen: list[Any] = []
        setattr(self, hook, lambda trainer, task, *args, **kwargs: self.seen.append(look(task.network)))


class KeepDraws(pl.Callback):
    """Keeps the random generator in checkpoints, as runs do."""

    state: torch.Tensor | None = None

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["draws"] = torch.get_rng_state()

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        self.state = checkpoint["draws"]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if self.state is not None:
            torch.set_rng_state(self.state)


class SaveAfterEpoch(pl.callbacks.Checkpoint):
    """Writes a checkpoint at the end of one epoch."""

    def __init__(self, path: Any, epoch: int) -> None:
        self.path, self.epoch = path, epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == self.epoch:
            trainer.save_checkpoint(self.path)


class Tools:
    """What the tests of tricks share."""

    make_network = staticmethod(make_network)
    make_image_network = staticmethod(make_image_network)
    make_batches = staticmethod(make_batches)
    fit = staticmethod(run_fit)
    copy_of = staticmethod(copy_of)
    equal = staticmethod(equal)
    At = At
    SaveAfterEpoch = SaveAfterEpoch
    KeepDraws = KeepDraws

    @staticmethod
    def edits_training_alone(trick: Trick, *, images: bool) -> None:
        """Training changes with the trick, and validation says what the network gives for inputs as they are."""
        fitted, plain = run_fit([trick], epochs=1, images=images), run_fit([], epochs=1, images=images)
        assert not equal(copy_of(fitted.network), copy_of(plain.network))
        network = fitted.network.eval()
        batches = make_batches(4, IMAGE if images else (FEATURES,))
        losses = [nn.functional.cross_entropy(network(b.input), b.target) for b in batches]
        logged = fitted.trainer.callback_metrics["validation/loss"]
        assert float(logged) == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)

    @staticmethod
    def resumes(make: Callable[[], Trick], folder: Any, **settings: Any) -> None:
        """A fit that goes on from the end of an epoch ends where an uninterrupted one does, bit for bit."""
        save = SaveAfterEpoch(folder / "last.ckpt", 1)
        whole = run_fit([make()], epochs=4, callbacks=[save, KeepDraws()], **settings)
        resumed = run_fit([make()], epochs=4, callbacks=[KeepDraws()], resume=save.path, **settings)
        assert equal(copy_of(resumed.network), copy_of(whole.network))

    @staticmethod
    def through_a_file(state: Any) -> Any:
        """Saved and loaded as checkpoints are: nothing but tensors and plain values."""
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        return torch.load(file, weights_only=True)


@pytest.fixture(autouse=True)
def same_draws_every_time() -> None:
    torch.manual_seed(0)


@pytest.fixture
def tools() -> type[Tools]:
    return Tools


@pytest.fixture
def network() -> nn.Module:
    return make_network()


@pytest.fixture
def batch() -> Batch:
    """A training batch as tricks get it: targets are probabilities."""
    hard = next(iter(make_batches(3)))
    return Batch(hard.input, nn.functional.one_hot(hard.target, CLASSES).float())


@pytest.fixture
def images() -> Batch:
    """A training batch of images as tricks get it."""
    hard = next(iter(make_batches(3, IMAGE)))
    return Batch(hard.input, nn.functional.one_hot(hard.target, CLASSES).float())


@pytest.fixture
def weightless() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.ReLU())
