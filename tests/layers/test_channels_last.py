"""Layers whose gradient torch computes wrongly in channels last on a CPU are found, refused, and not chosen."""

from pathlib import Path

import pytest
import torch
from torch import nn

from podium.layers.channels_last import corrupted
from podium.pack.choice import forms_of
from podium.pack.form import Form
from podium.run.assemble import compose
from podium.run.errors import ConfigError
from podium.run.forms import PLAIN, candidates
from podium.run.train import train

SHORTCUT = nn.Conv2d(8, 16, 1, stride=2)
LAYERS = {
    "wide": (nn.Conv2d(16, 32, 1, stride=2), None),
    "no stride": (nn.Conv2d(8, 16, 1), None),
    "larger window": (nn.Conv2d(8, 16, 2, stride=2), None),
    "narrow": (SHORTCUT, "1"),
    "narrow groups": (nn.Conv2d(32, 32, 1, stride=(1, 2), groups=4), "1"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_narrow_strided_1x1_convolutions_are_found(name: str) -> None:
    layer, found = LAYERS[name]
    assert corrupted(nn.Sequential(nn.ReLU(), layer)) == found


def test_neither_packs_nor_the_autopilot_try_such_a_network_in_channels_last() -> None:
    for network, there in ((nn.Sequential(SHORTCUT), False), (nn.Sequential(nn.Conv2d(8, 16, 3)), True)):
        assert (Form.CHANNELS_LAST in forms_of(network)) is there
        forms = candidates(PLAIN, ["channels_last"], network, sample=torch.zeros(8, 4, 4), modes=[False])
        assert any(form.channels_last for form in forms) is there


def test_packs_with_batch_norm_are_not_tried_in_channels_last_because_its_sums_are_less_exact() -> None:
    assert Form.CHANNELS_LAST not in forms_of(nn.Sequential(nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16)))
    torch.manual_seed(0)
    input = torch.randn(64, 16, 8, 8) * 0.05 + 3
    errors = []
    for layout in (torch.contiguous_format, torch.channels_last):
        found = nn.BatchNorm2d(16)(input.contiguous(memory_format=layout))
        errors.append(float((found - nn.BatchNorm2d(16).double()(input.double())).detach().abs().max()))
    assert errors[1] > 5 * errors[0]  # if torch mends it, this protection can go


def test_training_one_on_a_cpu_is_refused_in_a_line(tmp_path: Path) -> None:
    words = [
        "network=cifar_resnet20",
        "network.width=0.5",
        "network.shortcut=B",
        "data=digits",
        "trainer.max_epochs=1",
        "runtime.accelerator=cpu",
        "tracking=none",
        f"paths.runs={tmp_path}",
    ]
    with pytest.raises(
        ConfigError, match=r"1x1 convolutions .* got .* with fewer.*set trainer.channels_last=false"
    ):
        train(compose([*words, "trainer.channels_last=true"]))
    assert not list(tmp_path.iterdir())
