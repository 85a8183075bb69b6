"""Every network of conf/network packs, or has the stated reason: the table is tests/golden/packing.yaml."""

import pytest
import torch
from network_cases import NETWORKS
from packing_cases import PACKS, read_table, verdict

QUICK = ("dense32", "dense_200_100_100_bn", "lenet5", "lecture_cnn_bn_8", "linear", "rbm", "googlenet")


def test_the_table_names_every_network() -> None:
    assert sorted(read_table()) == NETWORKS


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in NETWORKS]
)
def test_a_network_packs_or_has_its_reason(name: str) -> None:
    torch.set_num_threads(1)
    assert verdict(name) == read_table()[name]


def test_a_twin_that_forgets_its_bias_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: torch.nn.Linear, input: torch.Tensor) -> torch.Tensor:
        lanes = input.reshape(len(self.lanes), -1, input.shape[-1])
        return torch.bmm(lanes, self.weight.transpose(1, 2)).flatten(0, 1) + 0 * self.bias.sum()

    monkeypatch.setattr("podium.pack.fold.FoldedLinear.forward", forward)
    assert read_table()["dense32"] == PACKS
    assert verdict("dense32") != PACKS
