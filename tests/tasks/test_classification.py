"""The classification task: what a training step does, and metrics that stay on the device until asked for."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ConstantLR, ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader

from podium.contracts import Auxiliary, Batch, Trick
from podium.tasks.classification import Classification
from podium.tasks.meter import Meter
from podium.tricks.label_smoothing import LabelSmoothing


class Noting(Trick):
    """Notes which edits are called, and with what."""

    def __init__(self, calls: list[str], name: str) -> None:
        self.calls = calls
        self.name = name


class EditsAll(Noting):
    def edit_batch(self, batch: Batch) -> Batch:
        self.calls.append(f"{self.name} batch {tuple(batch.target.shape)}")
        return batch

    def edit_target(self, target: Tensor, output: Tensor) -> Tensor:
        self.calls.append(f"{self.name} target")
        return target

    def edit_loss(self, loss: Tensor, network: nn.Module, batch: Batch, output: Tensor) -> Tensor:
        self.calls.append(f"{self.name} loss")
        return loss * 2


def task(*tricks: Trick, schedule: object = None) -> Classification:
    torch.manual_seed(0)
    return Classification(
        network=nn.Linear(4, 3),
        tricks=tricks,
        optimizer=partial(torch.optim.SGD, lr=0.1),
        schedule=schedule or partial(ConstantLR, factor=1.0, total_iters=0),
        num_classes=3,
    )


def batches(*sizes: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    return [
        Batch(torch.randn(n, 4, generator=generator), torch.randint(3, (n,), generator=generator))
        for n in sizes
    ]


def fit(module: Classification, train: list[Batch], validation: list[Batch], epochs: int = 1) -> pl.Trainer:
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    loaders = [DataLoader(part, batch_size=None) for part in (train, validation)]  # type: ignore[arg-type]
    trainer.fit(module, train_dataloaders=loaders[0], val_dataloaders=loaders[1])
    return trainer


def test_edits_run_in_the_order_of_the_configuration() -> None:
    calls: list[str] = []
    module = task(EditsAll(calls, "first"), EditsAll(calls, "second"))
    fit(module, batches(5), batches(2))
    shape = "(5, 3)"
    assert calls == [
        f"first batch {shape}",
        f"second batch {shape}",
        "first target",
        "second target",
        "first loss",
        "second loss",
    ]


def test_a_trick_that_edits_nothing_leaves_the_loss_as_it_was() -> None:
    (batch,) = batches(5)
    plain, tricked = task(), task(Noting([], "idle"))
    fit(plain, [batch], batches(2))
    fit(tricked, [batch], batches(2))
    assert torch.equal(plain.network.weight, tricked.network.weight)


def test_the_training_metrics_are_means_over_examples() -> None:
    meter = Meter()
    sizes, losses, wrong = (4, 2), (1.0, 4.0), (1, 2)
    for n, loss, w in zip(sizes, losses, wrong, strict=True):
        meter.update(loss=torch.tensor(loss), sums={"top1_error": torch.tensor(w)}, examples=n, step=0)
    assert meter.flush() == {"train/loss": pytest.approx(2.0), "train/top1_error": pytest.approx(0.5)}
    assert meter.flush() == {}


def test_a_meter_goes_on_from_its_saved_state() -> None:
    whole, first, second = Meter(), Meter(), Meter()
    for k in range(4):
        part = first if k < 2 else second
        if k == 2:
            second.restore(first.state(), torch.device("cpu"))
        for meter in (whole, part):
            meter.update(
                loss=torch.tensor(0.1 * (k + 1)), sums={"top1_error": torch.tensor(k)}, examples=3, step=k
            )
    assert second.flush() == whole.flush()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_the_first_loss_that_is_not_finite_is_named_by_its_step(bad: float) -> None:
    meter = Meter()
    for step, loss in enumerate([1.0, bad, 1.0, bad]):
        meter.update(loss=torch.tensor(loss), sums={}, examples=1, step=step)
    with pytest.raises(FloatingPointError) as caught:
        meter.flush()
    assert caught.value.args == (1,)


def test_validation_weighs_batches_by_their_examples() -> None:
    module, validation = task(), batches(7, 2)
    trainer = fit(module, batches(5), validation)
    inputs, targets = (torch.cat(parts) for parts in zip(*validation, strict=True))
    with torch.no_grad():
        output = module.network(inputs)
    assert trainer.callback_metrics["validation/loss"].item() == pytest.approx(
        F.cross_entropy(output, targets).item()
    )
    error = (output.argmax(1) != targets).double().mean().item()
    assert trainer.callback_metrics["validation/top1_error"].item() == pytest.approx(error)


def test_the_schedule_is_stepped_once_an_epoch() -> None:
    module = task(schedule=partial(StepLR, step_size=1, gamma=0.5))
    trainer = fit(module, batches(5, 5), batches(2), epochs=3)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**3)


def test_a_plateau_schedule_looks_at_the_validation_loss() -> None:
    module = task(schedule=partial(ReduceLROnPlateau, factor=0.1, patience=0, threshold=1e9))
    trainer = fit(module, batches(5), batches(2), epochs=2)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(
        0.1 * 0.1**2
    )  # no loss passes that threshold


class WithAuxiliary(nn.Module):
    """Two auxiliary classifiers in training, as in GoogLeNet."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.first, self.second = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, input: Tensor) -> Tensor | Auxiliary:
        if not self.training:
            return self.own(input)
        return Auxiliary(self.own(input), (self.first(input), self.second(input)), weight=0.3)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_auxiliary_classifiers_add_their_weighted_losses(smoothing: float) -> None:
    torch.manual_seed(0)
    network = WithAuxiliary()
    (batch,) = batches(5)
    module = Classification(
        network=network,
        tricks=[LabelSmoothing(smoothing=smoothing)] if smoothing else [],
        optimizer=partial(torch.optim.SGD, lr=0.1),
        schedule=partial(ConstantLR, factor=1.0, total_iters=0),
        num_classes=3,
    )
    own, first, second = (
        F.cross_entropy(part(batch.input), batch.target, label_smoothing=smoothing)
        for part in (network.own, network.first, network.second)
    )
    torch.testing.assert_close(module.training_step(batch, 0), own + 0.3 * (first + second))
