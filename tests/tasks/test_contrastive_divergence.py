"""What is known of Boltzmann machines: the direction of learning, free energies, what pretraining is good for."""

import itertools

import numpy as np
import pytest
import torch
from rules import make_task
from torch import Tensor

from podium.contracts import Batch
from podium.data.digits import Digits
from podium.layers.boltzmann import Machine
from podium.networks.autoencoder import Autoencoder
from podium.networks.boltzmann import DeepBelief
from podium.networks.dense import Linear
from podium.tasks.contrastive_divergence import ContrastiveDivergence, divergence


def digits() -> Tensor:
    source = Digits.load(Digits)
    return torch.from_numpy(source.inputs).flatten(1).float()


def learn(machine: Machine, data: Tensor, *, epochs: int, rate: float = 0.1) -> None:
    with torch.no_grad():
        for _ in range(epochs):
            for rows in torch.randperm(len(data)).split(50):
                for parameter, correction in divergence(machine, data[rows], steps=1).items():
                    parameter.add_(correction, alpha=rate)


def machine(units: int, visible: int = 64) -> Machine:
    torch.manual_seed(0)
    network = DeepBelief(in_shape=[visible], widths=[units])
    torch.nn.init.normal_(network.layers[0].weight, 0, 0.01)
    torch.nn.init.zeros_(network.layers[0].bias)
    return network.machines()[0]


def test_many_steps_go_along_the_gradient_of_the_exact_likelihood() -> None:
    torch.manual_seed(1)
    found = Machine(
        *(torch.nn.Parameter(0.5 * torch.randn(size)) for size in ((2, 3), (2,), (3,))),
        mirror=None,
        linear=False,
    )
    data = torch.tensor([[1.0, 0, 1], [1, 1, 0], [0, 0, 1]])
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)))
    likelihood = -found.free_energy(data).mean() - torch.logsumexp(-found.free_energy(every), 0)
    wanted = torch.autograd.grad(likelihood, [found.weight, found.hidden_bias, found.visible_bias])
    with torch.no_grad():
        given = divergence(found, data.repeat(20000, 1), steps=20)
    for parameter, gradient in zip(
        [found.weight, found.hidden_bias, found.visible_bias], wanted, strict=True
    ):
        torch.testing.assert_close(given[parameter], gradient, rtol=0, atol=0.02)
    assert wanted[0].abs().max() > 0.08  # far from nothing, and so is the direction


def test_the_free_energies_of_data_and_noise_part_and_their_gap_in_training_falls_with_more_examples() -> (
    None
):
    data = digits()
    held, gaps = data[1400:], []
    for count in (60, 1200):
        found = machine(100)
        noise = held[:, torch.randperm(64)]
        before = float((found.free_energy(noise) - found.free_energy(held)).mean())
        learn(found, data[:count], epochs=24000 // count)
        after = float((found.free_energy(noise) - found.free_energy(held)).mean())
        assert abs(before) < 1
        assert after > 5
        gaps.append(float((found.free_energy(held).mean() - found.free_energy(data[:count]).mean()).detach()))
    assert gaps[0] > 1
    assert gaps[1] < gaps[0] / 3


def test_a_mirror_gets_the_transposed_correction() -> None:
    network = Autoencoder(
        in_shape=[6],
        widths=[4, 2],
        activation="sigmoid",
        code_activation="none",
        output_activation="sigmoid",
        dropout=0.0,
    )
    first, second = network.machines()
    assert (first.linear, second.linear) == (False, True)
    assert first.mirror is network.output.weight
    assert second.mirror is network.decoder[0].weight
    assert first.visible_bias is network.output.bias
    found = divergence(first, torch.rand(5, 6), steps=2)
    assert torch.equal(found[first.mirror], found[first.weight].T)
    assert len(found) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"pretraining": 1.5}, r"pretraining must be in \[0, 1\], got 1.5"),
        (
            {"network": Linear(in_shape=[6], num_classes=3)},
            "network must be a stack .*, got Linear; set netw",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(changes: dict[str, object], said: str) -> None:
    values = {"network": DeepBelief(in_shape=[6], widths=[4]), "steps": 1, "pretraining": 1.0} | changes
    with pytest.raises(ValueError, match=said):
        make_task(ContrastiveDivergence, values.pop("network"), **values)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"activation": "relu"}, "must have sigmoid units with a sigmoid or linear code"),
        ({"output_activation": "none"}, "must have sigmoid units with a sigmoid or linear code"),
        ({"code_activation": "tanh"}, "must have sigmoid units with a sigmoid or linear code"),
        ({"dropout": 0.5}, "dropout must be 0 where Boltzmann machines learn"),
    ],
)
def test_an_autoencoder_that_is_no_stack_is_refused(changes: dict[str, object], said: str) -> None:
    values = {"activation": "sigmoid", "code_activation": "none", "output_activation": "sigmoid"}
    network = Autoencoder(in_shape=[6], widths=[4, 2], **{"dropout": 0.0, **values, **changes})
    with pytest.raises(ValueError, match=said):
        make_task(ContrastiveDivergence, network, steps=1, pretraining=0.5)


def test_what_is_kept_of_a_sample_is_its_label_and_squared_error() -> None:
    network = DeepBelief(in_shape=[6], widths=[4])
    task = make_task(ContrastiveDivergence, network, steps=1, pretraining=1.0)
    batch = Batch(torch.rand(5, 6), torch.tensor([0, 1, 0, 1, 1]))
    with torch.no_grad():
        output = network(batch.input)
        answers = task.answers(output, batch)
    expected = ((output - batch.input) ** 2).mean(1)
    assert np.allclose(answers["squared_error"], expected)
    assert set(task.errors(output, batch.input)) == {"mse", "free_energy"}
