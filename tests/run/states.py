"""Small networks, files of their weights, and what is said of them."""

import hashlib
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from podium.networks.torchvision_zoo import Torchvision
from podium.run.errors import ConfigError
from podium.run.weights import load_weights

NAME = "shufflenet_v2_x0_5"


def small(num_classes: int = 3, width: int = 5) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(hidden=nn.Linear(4, width), relu=nn.ReLU(), output=nn.Linear(width, num_classes))
    )


def copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


def same(network: nn.Module, state: dict[str, Tensor]) -> bool:
    own = network.state_dict()
    return all(torch.equal(own[key], tensor) for key, tensor in state.items())


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def saved(file: Path, state: dict[str, Any]) -> str:
    """A file with a state, and the words that name it."""
    if file.suffix == ".safetensors":
        safetensors.torch.save_file(state, file)
    else:
        torch.save(state, file)
    return f"{file}@{digest(file)}"


def load(network: nn.Module, source: str) -> None:
    load_weights(network, source, progress=False)


def refusal(network: nn.Module, source: str) -> str:
    before = copy_of(network)
    with pytest.raises(ConfigError) as caught:
        load(network, source)
    assert same(network, before)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(("network.weights", "torchvision:"))
    assert "; " in line
    return line


def zoo(name: str = NAME, num_classes: int = 1000, channels: int = 3) -> Torchvision:
    return Torchvision(in_shape=[channels, 32, 32], num_classes=num_classes, name=name)


class Evil:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)
