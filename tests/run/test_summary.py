import pytest
import torch
from torch import nn

from podium.layers.surgery import insert_after
from podium.networks.cifar_resnet import CifarResNet
from podium.run.summary import Row, measuring, render, summarize


def test_the_lecture_network_has_the_shapes_and_parameters_of_the_lecture(lecture_cnn):
    rows = summarize(lecture_cnn, [1, 28, 28])
    assert [row.shape for row in rows if row.type in ("Conv2d", "MaxPool2d", "Flatten", "Linear")] == [
        (32, 26, 26),
        (32, 13, 13),
        (32, 11, 11),
        (32, 5, 5),
        (800,),
        (64,),
        (10,),
    ]
    assert [row.parameters for row in rows if row.parameters] == [320, 9_248, 51_264, 650]


def test_the_table_is_aligned_and_ends_with_the_total(lecture_cnn):
    lines = render(summarize(lecture_cnn, [1, 28, 28])).splitlines()
    assert lines[-1].split() == ["total", "61,482"]
    assert len({line.index("Conv2d") for line in lines if "Conv2d" in line}) == 1
    assert len({len(line) for line in lines}) == 1


def test_what_a_trick_inserted_is_listed_behind_the_layer_it_follows():
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    insert_after(
        network, lambda _, module: isinstance(module, nn.ReLU), lambda: nn.Dropout(0.5), what="a relu"
    )
    assert [row.type for row in summarize(network, [3])] == ["Linear", "ReLU", "Dropout", "Linear"]


def test_a_shared_layer_is_listed_per_call_and_counted_once():
    layer = nn.Linear(4, 4)
    rows = summarize(nn.Sequential(layer, nn.ReLU(), layer), [4])
    assert [row.parameters for row in rows] == [20, 0, 0]


def test_layers_that_never_run_are_in_the_total():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(3, 3)

        def forward(self, x):
            return self.used(x)

    rows = summarize(Idle(), [2])
    assert rows[-1] == Row("unused", "Linear", None, 12)
    assert "never runs" in render(rows)


def test_a_network_of_one_layer_has_one_row():
    assert summarize(nn.Linear(3, 2), [3]) == [Row("network", "Linear", (2,), 8)]


def test_all_parameters_of_a_residual_network_are_listed():
    network = CifarResNet(
        in_shape=[3, 32, 32],
        num_classes=10,
        depth=20,
        shortcut="A",
        width=1.0,
        activation="relu",
        norm="before",
        use_bias=False,
    )
    assert sum(row.parameters for row in summarize(network, [3, 32, 32])) == 269_722


def test_a_summary_leaves_no_trace(lecture_cnn):
    lecture_cnn.hidden.eval()
    modes = [module.training for module in lecture_cnn.modules()]
    state = torch.get_rng_state()
    summarize(lecture_cnn, [1, 28, 28])
    assert [module.training for module in lecture_cnn.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in lecture_cnn.modules())


def test_measuring_restores_modes_and_random_state_after_an_error():
    network = nn.Sequential(nn.Dropout(0.5))
    network[0].eval()
    failing = nn.Sequential(network, nn.Linear(2, 2))
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="shapes"), measuring(failing):
        failing(torch.rand(1, 3))
    assert (network.training, network[0].training) == (True, False)
    assert torch.equal(torch.get_rng_state(), state)
