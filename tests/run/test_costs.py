import pytest
import torch
from torch import nn

from podium.networks.cifar_resnet import CifarResNet
from podium.networks.dense import Linear
from podium.networks.recurrent import Recurrent
from podium.run.costs import images_per_s, keras_parameters, network_costs


def resnet(depth, *, residual=True):
    return CifarResNet(
        in_shape=[3, 32, 32],
        num_classes=10,
        depth=depth,
        shortcut="A" if residual else "none",
        width=1.0,
        activation="relu",
        norm="before",
        use_bias=False,
    )


def test_the_costs_of_the_lecture_network_are_those_counted_by_hand(lecture_cnn):
    conv1, conv2 = 26 * 26 * 32, 11 * 11 * 32
    assert network_costs(lecture_cnn, [1, 28, 28]) == {
        "parameters": 61_482,
        "depth": 4,
        "size_mib": 61_482 * 4 / 2**20,
        "multiply_adds": conv1 * 9 + conv2 * 9 * 32 + 800 * 64 + 64 * 10,
        "activations": conv1 + conv2 + 64 + 10,
    }


@pytest.mark.parametrize("residual", [True, False])
def test_resnet_20_has_20_weight_layers_and_40_million_multiply_adds(residual):
    costs = network_costs(resnet(20, residual=residual), [3, 32, 32])
    convs = 432 * 1024 + 13_824 * 1024 + 50_688 * 256 + 202_752 * 64
    assert costs["depth"] == 20
    assert costs["multiply_adds"] == convs + 640 == 40_551_040


def test_depth_follows_the_longest_path():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.short, self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.short(x) + self.second(self.first(x))

    assert network_costs(Branches(), [2])["depth"] == 2


def test_a_linear_layer_over_a_sequence_and_a_layer_without_bias_count_as_one_each():
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False))
    assert network_costs(network, [5, 3])["depth"] == 2


def test_frozen_layers_count_too():
    network = Linear(in_shape=[2, 2], num_classes=3).requires_grad_(False)
    assert network_costs(network, [2, 2])["depth"] == 1


def test_the_size_counts_running_statistics_and_not_the_counter_of_batches():
    assert network_costs(nn.BatchNorm1d(8), [8])["size_mib"] == 32 * 4 / 2**20


def test_the_size_counts_what_is_saved_and_what_is_shared_once():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    network[1] = network[0]
    network.register_buffer("scratch", torch.zeros(100), persistent=False)
    assert network_costs(network, [4])["size_mib"] == 20 * 4 / 2**20


def test_keras_counts_the_running_statistics_as_parameters():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm2d(8, track_running_stats=False)
    )
    assert keras_parameters(network) == 3 * 9 * 8 + 8 + 2 * 16 + 2 * 8


def test_an_output_of_several_tensors_is_counted_along_its_longest_path():
    class Boxes(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            hidden = self.first(x)
            return [{"scores": hidden, "boxes": (self.second(hidden), None)}]

    costs = network_costs(Boxes(), [2])
    assert (costs["depth"], costs["multiply_adds"]) == (2, 8)


def test_an_output_without_tensors_is_counted_as_far_as_it_goes():
    class Nothing(nn.Sequential):
        def forward(self, x):
            super().forward(x)
            return []

    costs = network_costs(Nothing(nn.Linear(2, 2)), [2])
    assert (costs["parameters"], costs["depth"], costs["multiply_adds"]) == (6, 0, 4)


def test_costs_leave_modes_gradients_statistics_and_random_state():
    network = resnet(8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    network_costs(network, [3, 8, 8])
    images_per_s(network, [3, 8, 8], batch_size=2, seconds=0.0)
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_throughput_is_batch_size_over_the_median_time_without_the_first_two_calls(monkeypatch):
    clock = [0.0]
    took = iter([50.0, 50.0, 1.0, 2.0, 3.0, 2.0, 90.0])

    class Slow(nn.Module):
        def forward(self, x):
            clock[0] += next(took)
            return x

    monkeypatch.setattr("podium.run.costs.time.perf_counter", lambda: clock[0])
    assert images_per_s(Slow(), [2], batch_size=10, seconds=1.0) == 10 / 2


def test_a_quick_network_is_timed_by_a_hundred_calls_however_much_time_there_is():
    calls = []

    class Quick(nn.Module):
        def forward(self, x):
            calls.append(1)
            return x

    images_per_s(Quick(), [2], batch_size=10, seconds=600.0)
    assert len(calls) == 2 + 100


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_a_recurrent_layer_is_counted_at_every_step_on_memory_and_without(cell, gates):
    """``gates`` products of 1 and of 8 values for each of 8 cells a step, and the output's 8 x 5."""
    for device in ("cpu", "meta"):
        with torch.device(device):
            network = Recurrent(
                in_shape=[1, 12],
                num_classes=5,
                cell=cell,
                widths=[8],
                bidirectional=False,
                readout="last",
                truncate=None,
                dropout=0.0,
                forget_bias=1.0 if cell == "lstm" else None,
            )
        costs = network_costs(network, (1, 12))
        assert costs["multiply_adds"] == 12 * gates * 8 * (1 + 8) + 8 * 5
        assert costs["activations"] == 12 * 8 + 5
        assert costs["depth"] == 12 + 1  # a product with the last values at every step, and the output
