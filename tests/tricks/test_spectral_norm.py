import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from podium.layers.initializers import weight_layers
from podium.run.build import build
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.summary import summarize
from podium.run.train import train
from podium.tricks.spectral_norm import SpectralNorm
from podium.tricks.weights import shrinkable


def norms(network: nn.Module) -> list[float]:
    """The largest singular value of every layer, as it is used."""
    return [
        float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2))
        for layer, _ in weight_layers(network).values()
    ]


def convolutional() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, groups=3),
        nn.Flatten(),
        nn.Linear(96, 3),
    )


def test_every_layer_has_a_largest_singular_value_of_one():
    edited = SpectralNorm(power_iterations=1).edit_network(convolutional())
    x = torch.randn(2, 1, 8, 8)
    assert max(norms(convolutional())) < 0.9
    for _ in range(30):
        edited(x)
    assert norms(edited.eval()) == pytest.approx([1, 1, 1], rel=1e-3)


def test_a_training_step_is_the_power_iteration_of_the_paper():
    edited = SpectralNorm(power_iterations=1).edit_network(nn.Linear(5, 4, bias=False))
    state = {name: value.clone() for name, value in edited.state_dict().items()}
    weight, u, v = (state[f"parametrizations.weight.{name}"] for name in ("original", "0._u", "0._v"))
    x = torch.randn(3, 5)
    for _ in range(3):  # torch takes u before v; over several steps it is the same iteration
        u = nn.functional.normalize(weight @ v, dim=0)
        v = nn.functional.normalize(weight.T @ u, dim=0)
        torch.testing.assert_close(edited(x), x @ (weight / (u @ weight @ v)).T)


def test_evaluation_uses_the_estimate_of_training_and_leaves_it():
    edited = SpectralNorm(power_iterations=1).edit_network(convolutional())
    x = torch.randn(2, 1, 8, 8)
    trained = edited(x)
    before = copy.deepcopy(edited.state_dict())
    assert torch.equal(edited.eval()(x), trained)
    assert all(torch.equal(before[name], value) for name, value in edited.state_dict().items())


def test_weights_are_still_weights_for_penalties_and_types_and_layers_keep_their_names():
    plain, edited = convolutional(), SpectralNorm(power_iterations=1).edit_network(convolutional())
    assert [type(layer).__mro__[1] for layer, _ in weight_layers(edited).values()] == [
        nn.Conv2d,
        nn.Conv2d,
        nn.Linear,
    ]
    assert list(weight_layers(edited)) == list(weight_layers(plain))
    assert [w.shape for w in shrinkable(edited)] == [w.shape for w in shrinkable(plain)]


def test_a_summary_lists_the_same_layers_and_parameters():
    plain = summarize(convolutional(), [1, 8, 8])
    edited = summarize(SpectralNorm(power_iterations=1).edit_network(convolutional()), [1, 8, 8])
    assert [(row.name, row.shape, row.parameters) for row in edited] == [
        (row.name, row.shape, row.parameters) for row in plain
    ]
    assert [row.type for row in edited] == [
        row.type if row.type in ("ReLU", "Flatten") else f"Parametrized{row.type}" for row in plain
    ]


def test_the_state_goes_round(tmp_path):
    edited = SpectralNorm(power_iterations=1).edit_network(convolutional())
    edited(torch.randn(2, 1, 8, 8))
    torch.save(edited.state_dict(), tmp_path / "state")
    again = SpectralNorm(power_iterations=1).edit_network(convolutional())
    again.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(edited.eval()(x), again.eval()(x))


def test_a_resumed_fit_is_exact(tools, tmp_path):
    def trick() -> list[SpectralNorm]:
        return [SpectralNorm(power_iterations=1)]

    path = tmp_path / "first.ckpt"
    whole = tools.fit(trick(), epochs=2, callbacks=[tools.SaveAfterEpoch(path, 0)])
    resumed = tools.fit(trick(), epochs=2, resume=path)
    assert tools.equal(tools.copy_of(whole.network), tools.copy_of(resumed.network))


@pytest.fixture
def settings(tmp_path) -> Callable[..., dict[str, Any]]:
    from podium.run.assemble import compose

    paths = (f"paths.runs={tmp_path / 'runs'}", f"paths.data={tmp_path / 'data'}")
    plain = ("network=dense32", "trainer.max_epochs=1", "tracking=none", "runtime.progress=false")
    return lambda *more: compose([*paths, *plain, "runtime.accelerator=cpu", "tricks=[spectral_norm]", *more])


def test_the_initialiser_fills_the_weights_that_are_normalised(settings):
    state = build(settings("initializer=constant", "initializer.value=0.25")).network.state_dict()
    assert (state["hidden.dense1.parametrizations.weight.original"] == 0.25).all()


def test_a_run_is_evaluated_as_it_was_trained_and_trains_again_to_the_same_bits(settings, tmp_path):
    first = train(settings())
    assert evaluate(run_folder(settings())).largest_change == 0
    again = train(settings(f"paths.runs={tmp_path / 'again'}"))
    assert first.files is not None
    assert again.files is not None
    assert first.files["network.safetensors"] == again.files["network.safetensors"]


def test_zero_weights_and_a_second_time_and_no_layers_are_refused():
    zero = nn.Sequential(nn.Linear(2, 2))
    nn.init.zeros_(zero[0].weight)
    with pytest.raises(ValueError, match=r"^the weights of 0 must be plain and not all zero, got Linear"):
        SpectralNorm(power_iterations=1).edit_network(zero)
    twice = SpectralNorm(power_iterations=1).edit_network(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match=r"^the weights of 0 must be plain .* got ParametrizedLinear"):
        SpectralNorm(power_iterations=1).edit_network(twice)
    with pytest.raises(ValueError, match=r"^the network must hold linear or convolutional layers, got ReLU"):
        SpectralNorm(power_iterations=1).edit_network(nn.ReLU())


def test_no_iteration_is_refused():
    with pytest.raises(ValueError, match=r"^power_iterations must be at least 1, got 0"):
        SpectralNorm(power_iterations=0)
