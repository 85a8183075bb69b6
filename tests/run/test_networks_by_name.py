"""Networks of torchvision, of timm and of a package of one's own: they train, and stand on a board."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from podium.leaderboard.board import Entry
from podium.leaderboard.build import build as build_board
from podium.records.record import Status
from podium.run.assemble import compose, load_board
from podium.run.build import build_network
from podium.run.folders import run_folder
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]
NETS = """
from torch import nn


class Net(nn.Module):
    def __init__(self, *, in_shape, num_classes: int, width: int):
        super().__init__()
        channels, height, _ = in_shape
        self.body = nn.Sequential(nn.Conv2d(channels, width, 3), nn.ReLU(inplace=True), nn.Flatten())
        self.classify = nn.Linear(width * (height - 2) ** 2, num_classes)

    def forward(self, x):
        return self.classify(self.body(x))
"""
CHOSEN = {
    "torchvision": ["network=torchvision", "network.name=mobilenet_v3_small"],
    "timm": ["network=timm", "network.name=mobilenetv3_small_050"],
    "own": ["network=own", "network.name=podium_test_lab.nets:Net", "network.arguments={width: 4}"],
}
# An initialiser that treats the output layer apart, tricks on structure, loss and time, and little data.
COMMON = [
    "initializer=he_normal_glorot_output",
    *("tricks=[dropout,label_smoothing,ema]", "tricks.dropout.p=0.2"),
    *("trainer.max_epochs=1", "data.view.fraction=0.05"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A package of a user's, importable and allowed."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "podium_test_lab").mkdir()
    (folder / "podium_test_lab" / "__init__.py").write_text("")
    (folder / "podium_test_lab" / "nets.py").write_text(NETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PODIUM_PACKAGES", "podium_test_lab")
        yield
    for name in [name for name in sys.modules if name.startswith("podium_test_lab")]:
        del sys.modules[name]


@pytest.mark.usefixtures("lab")
def test_all_three_train_with_tricks_and_an_initialiser_and_stand_on_a_board(
    settings: Settings, tmp_path: Path
) -> None:
    entries, folders = [], []
    for key, chosen in CHOSEN.items():
        config = settings(*chosen, *COMMON, f"name={key} by name")
        record = train(config)
        assert record.status is Status.FINISHED
        assert record.costs is not None
        assert all(record.costs[name] > 0 for name in ("parameters", "depth", "multiply_adds", "activations"))
        entries.append(Entry.from_config(key, config))
        folders.append(run_folder(config))
    board = replace(load_board("digits"), entries=list(CHOSEN), seeds=[0])
    build_board(board, entries, folders, tmp_path / "report")
    page = (tmp_path / "report" / "leaderboard.md").read_text()
    assert all(f"{key} by name" in page for key in CHOSEN)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("key", CHOSEN)
def test_an_initialisers_exception_finds_the_output_layer(key: str) -> None:
    constant = "{_target_: podium.layers.initializers.Constant, value: 0.5, exceptions: {}}"
    zeros = ["initializer=zeros", f"+initializer.exceptions.output={constant}"]
    network, _ = build_network(compose([*CHOSEN[key], *zeros]))
    assert isinstance(network.output, nn.Linear)
    assert bool((network.output.weight == 0.5).all())
    others = [
        module.weight
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and name != "output"
    ]
    assert others
    assert not any(bool(weight.any()) for weight in others)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("key", CHOSEN)
def test_output_dropout_stands_behind_the_whole_network(key: str) -> None:
    network, _ = build_network(compose([*CHOSEN[key], "tricks=[dropout]", "tricks.dropout.output_p=0.9"]))
    torch.manual_seed(0)
    dropped = (network.train()(torch.rand(8, 1, 8, 8)) == 0).float().mean()
    assert dropped > 0.7
    assert (network.eval()(torch.rand(8, 1, 8, 8)) != 0).all()
