"""Every trick trains every kind of network, or says why it does not; every pair of tricks trains the smallest one.

Pairs grow with the square of the number of tricks, and a fit of two steps takes some 20 ms: so pairs see one network, the
one that every trick takes, in both orders, and the whole file stays below a minute on one core.
"""

import importlib
import inspect
import itertools
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml
from torch import nn
from torch.utils.data import DataLoader

from podium.contracts import Batch, Trick
from podium.layers import merge
from podium.layers.blocks import blocks
from podium.layers.recurrent import Rnn
from podium.tasks.classification import Classification

FOLDER = Path(__file__).parents[2] / "conf" / "tricks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
PAIRS = list(itertools.combinations(NAMES, 2))
CLASSES = 3


def settings(name: str) -> dict[str, Any]:
    """The one block of a trick's file: target and parameters."""
    (block,) = yaml.safe_load((FOLDER / f"{name}.yaml").read_text()).values()
    return dict(block)


def find(target: str) -> type[Trick]:
    module, _, name = target.rpartition(".")
    found: type[Trick] = getattr(importlib.import_module(module), name)
    return found


def features_of_twenty(network: nn.Module, layer: nn.Linear) -> tuple[Any, Any]:
    """Of each class: what goes into the layer, and the class numbers."""
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    network.eval()(torch.randn(20 * CLASSES, 1, 8, 8))
    hook.remove()
    return seen[0].numpy(), (torch.arange(20 * CLASSES) % CLASSES).numpy()


def make(name: str) -> Trick:
    """The trick as its file has it; what the composition root hands over, a teacher and features, is ours."""
    values = settings(name)
    if "teacher" in values:
        values["teacher"] = Residual
    if "features" in values:
        values["features"] = features_of_twenty
    return find(values.pop("_target_"))(**values)


class Residual(nn.Module):
    """One activation used twice around a skip connection, as residual networks do, and a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.activation = nn.ReLU()
        self.merge = merge.Residual()
        self.recurrent = Rnn(4, 4, bidirectional=False, truncate=None)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.activation(self.norm(self.first(x)))
        rows, _ = self.recurrent(self.activation(self.merge(self.second(x), x)).mean(2).transpose(1, 2))
        return self.head(rows[:, -1])


NETWORKS = {
    "dense": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, CLASSES)),
    "dense with dropout": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.Sigmoid(), nn.Dropout(0.2), nn.Linear(8, CLASSES)
    ),
    "convolutional": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, CLASSES)
    ),
    # no bias before batch norm: its gradient is nothing but rounding
    "batch norm": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, CLASSES)
    ),
    "residual": Residual,
}
DENSE = {"dense", "dense with dropout"}
SMALLEST = "residual"
# Tricks that find nothing to change in some of these networks, or cannot train them, and say so.
REFUSED: dict[str, set[str]] = {
    "progressive_resizing": {*NETWORKS} - {SMALLEST},
    "recurrent_dropout": {*NETWORKS} - {SMALLEST},
    "blur_pool": {*DENSE, "batch norm"},
    "drop_block": DENSE,
    "squeeze_excite": DENSE,
    "stochastic_depth": {*DENSE, "convolutional", "batch norm"},
}
# Tricks that train the head alone, some for longer than the two steps here.
FREEZING = {"freeze", "gradual_unfreezing", "logistic_head"}
# Tricks that only change what the network is, which logistic regression may stand on.
STRUCTURAL = {"blur_pool", "drop_block", "dropout", "recurrent_dropout", "squeeze_excite", "stochastic_depth"}
# Tricks that exclude each other, and say so.
REFUSED_PAIRS = {
    ("ema", "swa"): r"^a run must have one average of its weights, got EMA and SWA; leave one out$",
    ("early_stopping", "snapshot_ensemble"): r"^a run of snapshots must .*, got EarlyStopping too; leave one",
    ("ema", "snapshot_ensemble"): r"^a run of snapshots must .*, got EMA too; leave one of both out$",
    (
        "freeze",
        "gradual_unfreezing",
    ): r"^the network must hold a trained block below its head, got .* leave this",
    ("snapshot_ensemble", "swa"): r"^a run of snapshots must .*, got SWA too; leave one of both out$",
}
REFUSED_PAIRS |= {
    (min(name, "logistic_head"), max(name, "logistic_head")): (
        r"^a run with a logistic head must have no trick that acts in training, got .*; leave one of both out$"
        r"|^the network must hold a plain linear layer at its end, .* leave this trick out$"
    )
    for name in {*NAMES} - STRUCTURAL - {"logistic_head"}
}
REFUSAL = r"^the network must (hold .*; choose another network or leave this|take images of other sizes, .*leave this)"


def plain_name(parameter: str) -> str:
    """A parameter's name without torch's parametrization, from which a trick may let its layer compute it."""
    return re.sub(r"parametrizations\.(\w+)\.original$", r"\1", parameter)


def train_two_steps(tricks: list[Trick], network: nn.Module) -> float:
    """Fit with the tricks; the validation loss."""
    task = Classification(
        network=network,
        tricks=tricks,
        optimizer=partial(torch.optim.SGD, lr=0.1),
        schedule=partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0, total_iters=0),
        num_classes=CLASSES,
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=tricks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    batches = [Batch(torch.randn(6, 1, 8, 8), torch.randint(CLASSES, (6,))) for _ in range(2)]
    loader = DataLoader(batches, batch_size=None)
    trainer.fit(task, loader, loader)
    if trainer.global_step == 0:  # it ended before its first epoch, and so before the validation of that
        trainer.validate(task, loader, verbose=False)
    return float(trainer.callback_metrics["validation/loss"])


def check(names: tuple[str, ...], kind: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[kind]()
    given = set(dict(network.named_parameters()))
    tricks = [make(name) for name in names]
    for trick in tricks:
        network = trick.edit_network(network)
    assert given <= {plain_name(name) for name, _ in network.named_parameters()}
    before = {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}
    frozen = FREEZING & set(names) and {p for block in blocks(network)[:-1] for p in block.parameters}
    loss = train_two_steps(tricks, network)
    assert torch.isfinite(torch.tensor(loss))
    ended = dict(network.named_parameters())
    after = {name: p for name, p in ended.items() if p.requires_grad}  # and what answers beside it, untrained
    assert after.keys() == before.keys()
    for name, p in after.items():
        assert torch.isfinite(p).all(), name
        assert p in frozen or not torch.equal(p, before[name]), f"{name} was not trained"


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("name", NAMES)
def test_a_trick_trains_every_parameter_of_a_network_or_says_why_not(name, kind):
    if kind in REFUSED.get(name, ()):
        with pytest.raises(ValueError, match=REFUSAL):
            check((name,), kind)
    else:
        check((name,), kind)


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_a_pair_of_tricks_trains_in_both_orders_or_says_why_not(pair):
    for order in (pair, pair[::-1]):
        if pair in REFUSED_PAIRS:
            with pytest.raises(ValueError, match=REFUSED_PAIRS[pair]):
                check(order, SMALLEST)
        else:
            check(order, SMALLEST)


def together_with(first: str) -> tuple[str, ...]:
    """As many tricks as go with one, taken in the order of their names."""
    found = [first]
    for name in NAMES:
        if name != first and not any(set(pair) <= {name, *found} for pair in REFUSED_PAIRS):
            found.append(name)
    return tuple(sorted(found))


@pytest.mark.parametrize("names", sorted({together_with(name) for name in NAMES}), ids=len)
def test_all_tricks_that_go_together_train_at_once(names):
    check(names, SMALLEST)


def test_only_what_is_there_is_refused():
    assert {*REFUSED, *itertools.chain(*REFUSED_PAIRS)} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_keyed_by_its_name_and_writes_every_parameter(name):
    assert list(yaml.safe_load((FOLDER / f"{name}.yaml").read_text())) == [name]
    values = settings(name)
    target = values.pop("_target_")
    parameters = inspect.signature(find(target)).parameters
    sharing = [other for other in NAMES if settings(other)["_target_"] == target]
    assert target.startswith(f"podium.tricks.{name}.") or len(sharing) > 1
    assert values.keys() == parameters.keys()
    assert all(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_trick_names_its_paper_and_how_it_differs(name):
    text = importlib.import_module(find(settings(name)["_target_"]).__module__).__doc__
    assert "https://" in text
    assert "Follows" in text or "Differs from the paper:" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_trained_tricks_state_loads_without_code(name, tmp_path):
    trick = make(name)
    torch.save(trick.state_dict(), tmp_path / "state")
    make(name).load_state_dict(torch.load(tmp_path / "state", weights_only=True))


def test_the_tricks_of_the_platform_are_all_there():
    promised = (
        "dropout l1 l2 weight_decay early_stopping label_smoothing mixup ema grad_clip cutmix cutout random_erasing "
        "input_noise gradient_noise confidence_penalty max_norm swa sam distillation progressive_resizing"
    )
    assert set(promised.split()) <= set(NAMES)
