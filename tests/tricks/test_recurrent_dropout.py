import pytest
import torch
from torch import nn

from podium.layers.recurrent import Rnn
from podium.tricks.recurrent_dropout import RecurrentDropout


class Last(nn.Module):
    """One layer of plain cells on every value in turn, and an output."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layer = Rnn(1, 5, bidirectional=False, truncate=None)
        self.output = nn.Linear(5, 3)

    def forward(self, x):
        return self.output(self.layer(x[..., None])[1][0][0])


def test_training_drops_and_evaluation_does_not(tools):
    trick, x = RecurrentDropout(p=0.4, input_p=0.3), torch.randn(50, 6)
    plain = Last()(x)
    network = trick.edit_network(Last())
    assert network.layer.input_mask.p == 0.3
    assert network.layer.recurrent_mask.p == 0.4
    assert not torch.allclose(network(x), plain)
    torch.testing.assert_close(network.eval()(x), plain)
    assert set(network.state_dict()) == set(Last().state_dict())


def test_rates_of_zero_change_nothing():
    network, x = RecurrentDropout(p=0.0, input_p=0.0).edit_network(Last()), torch.randn(4, 6)
    torch.testing.assert_close(network(x), Last()(x))


def test_a_fit_with_masks_that_goes_on_ends_where_a_whole_one_does(tools, tmp_path):
    def fit(**more):
        return tools.fit([RecurrentDropout(p=0.5, input_p=0.2)], epochs=3, network=Last(), **more)

    save = tools.SaveAfterEpoch(tmp_path / "last.ckpt", 1)
    whole = fit(callbacks=[save, tools.KeepDraws()])
    resumed = fit(callbacks=[tools.KeepDraws()], resume=save.path)
    assert tools.equal(tools.copy_of(resumed.network), tools.copy_of(whole.network))


def test_networks_without_a_recurrent_layer_and_wrong_rates_are_refused(network):
    with pytest.raises(
        ValueError, match=r"the network must hold a recurrent layer, got Sequential without one;"
    ):
        RecurrentDropout(p=0.5, input_p=0.0).edit_network(network)
    with pytest.raises(ValueError, match=r"input_p must be in \[0, 1\), got 1; 0 switches it off"):
        RecurrentDropout(p=0.5, input_p=1)
