import pytest
import torch

from podium.networks.echo_state import EchoState

PLAIN = {
    "in_shape": [2, 9],
    "num_classes": 3,
    "units": 25,
    "spectral_radius": 0.8,
    "density": 0.4,
    "leak": 0.5,
    "input_scale": 2.0,
    "readout": "last",
}


def echo_state(**changes):
    torch.manual_seed(0)
    return EchoState(**PLAIN | changes)


def test_only_the_read_out_is_trained_and_the_reservoir_is_saved():
    network = echo_state()
    assert [name for name, _ in network.named_parameters()] == ["output.weight", "output.bias"]
    assert sum(p.numel() for p in network.parameters()) == (25 + 1) * 3
    assert {"reservoir", "given", "offset"} < set(network.state_dict())


@pytest.mark.parametrize("radius", [0.3, 1.2])
def test_the_spectral_radius_is_what_was_asked_for(radius):
    reservoir = echo_state(spectral_radius=radius).reservoir
    assert float(torch.linalg.eigvals(reservoir).abs().max()) == pytest.approx(radius, rel=1e-4)
    assert 0.3 < float((reservoir != 0).float().mean()) < 0.5
    assert echo_state().given.abs().max() <= 2


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_it_computes_what_the_formula_says(readout):
    network, x = echo_state(readout=readout), torch.randn(4, 2, 9)
    values, seen = torch.zeros(4, 25), []
    for t in range(9):
        new = torch.tanh(x[:, :, t] @ network.given.T + network.offset + values @ network.reservoir.T)
        values = 0.5 * values + 0.5 * new
        seen.append(values)
    expected = values if readout == "last" else torch.stack(seen).mean(0)
    torch.testing.assert_close(network(x), network.output(expected))


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_a_padded_batch_gives_what_its_sequences_give_one_by_one(readout):
    network, x = echo_state(readout=readout), torch.randn(3, 2, 9)
    for row, length in enumerate((9, 4, 1)):
        x[row, :, length:] = torch.nan
    together = network(x)
    for row, length in enumerate((9, 4, 1)):
        torch.testing.assert_close(network(x[row : row + 1, :, :length])[0], together[row])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"units": 0}, r"units must be positive, got \[0\]"),
        ({"leak": 0.0}, r"leak must be in \(0, 1\], got 0.0"),
        ({"density": 1.5}, r"density must be in \(0, 1\], got 1.5"),
        ({"spectral_radius": 0.0}, r"spectral_radius must be positive and finite, got 0.0"),
        ({"density": 1e-9}, r"the reservoir must have a connection that comes back, got 25 units with"),
        ({"in_shape": [1, 8, 8]}, r"echo_state requires signals of .* got samples of 1x8x8"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        echo_state(**changes)
