import copy
import pickle

import pytest
import torch
from torch import nn

from podium.contracts import Auxiliary
from podium.tricks.dropout import Dropout, OutputDropout
from podium.tricks.squeeze_excite import SqueezeExcite


def rates(network: nn.Module) -> dict[str, float]:
    return {name: m.p for name, m in network.named_modules() if isinstance(m, nn.Dropout)}


def test_training_is_the_formula_in_all_three_places(network):
    """With the masks that the same generator draws, in the order of the forward pass."""
    network.eval()  # batch norm as it is; only dropout trains
    reference = copy.deepcopy(network)
    dropped = Dropout(p=0.5, input_p=0.2, output_p=0.4).edit_network(network)
    for module in dropped.modules():
        module.train(isinstance(module, nn.Dropout))
    x = torch.randn(64, 6)
    torch.manual_seed(3)
    got = dropped(x)

    def drop(values: torch.Tensor, p: float) -> torch.Tensor:
        return values * torch.empty_like(values).bernoulli_(1 - p) / (1 - p)

    torch.manual_seed(3)
    hidden = drop(torch.relu(reference[1](reference[0](drop(x, 0.2)))), 0.5)
    torch.testing.assert_close(got, drop(reference[3](hidden), 0.4))


class _Wrapped(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


@pytest.mark.parametrize("wrap", [nn.Sequential, _Wrapped, lambda inner: _Wrapped(nn.Sequential(inner))])
def test_inputs_and_outputs_are_dropped_once_in_any_container(wrap):
    identity = wrap(nn.Linear(1000, 1000, bias=False))
    nn.init.eye_(next(identity.parameters()))
    for rates_, share in (((0.5, 0.0), 0.5), ((0.0, 0.5), 0.5), ((0.5, 0.5), 0.25)):
        edited = Dropout(p=0.0, input_p=rates_[0], output_p=rates_[1]).edit_network(copy.deepcopy(identity))
        kept = edited(torch.ones(50, 1000)) != 0
        assert float(kept.double().mean()) == pytest.approx(share, abs=0.01)


def test_every_activation_is_followed_by_dropout_and_nothing_else_is():
    network = nn.Sequential(
        nn.Linear(2, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 2)
    )
    edited = Dropout(p=0.3, input_p=0.0, output_p=0.0).edit_network(network)
    hidden = {name for name, p in rates(edited).items() if p == 0.3}
    assert len(hidden) == 2
    assert any(name.startswith("1.") for name in hidden)
    assert any(name.startswith("2.1.") for name in hidden)


def test_a_network_with_its_own_dropout_gets_the_rate_and_no_more_modules():
    network = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2), nn.ReLU())
    edited = Dropout(p=0.1, input_p=0.0, output_p=0.0).edit_network(network)
    assert sorted(p for p in rates(edited).values() if p > 0) == [0.1]
    assert edited[2].p == 0.1


@pytest.mark.parametrize("order", [1, -1])
def test_what_other_tricks_have_inserted_is_not_dropped_in(tools, order):
    tricks = [SqueezeExcite(reduction=2), Dropout(p=0.3, input_p=0.0, output_p=0.0)][::order]
    network = tools.make_image_network()
    for trick in tricks:
        network = trick.edit_network(network)
    assert [p for p in rates(network).values() if p > 0] == [0.3]


def test_channels_are_still_dropped_as_a_whole_in_a_network_that_did():
    edited = Dropout(p=0.1, input_p=0.0, output_p=0.0).edit_network(nn.Sequential(nn.Dropout2d(0.5)))
    assert isinstance(edited[0], nn.Dropout2d)
    assert edited[0].p == 0.1


def test_parameters_keep_their_names_and_values(tools):
    network = tools.make_network()
    edited = Dropout(p=0.5, input_p=0.2, output_p=0.1).edit_network(network)
    assert tools.equal(tools.copy_of(edited), tools.copy_of(tools.make_network()))


def test_evaluation_drops_nothing(tools):
    plain, edited = tools.make_network().eval(), tools.make_network()
    edited = Dropout(p=0.5, input_p=0.2, output_p=0.1).edit_network(edited)
    x = torch.randn(5, 6)
    assert not torch.equal(edited.train()(x), edited(x))
    plain.load_state_dict(edited.state_dict())  # batch norm's statistics have moved
    assert torch.equal(edited.eval()(x), plain(x))


def test_zero_rates_are_neutral(tools):
    zero = Dropout(p=0.0, input_p=0.0, output_p=0.0)
    assert tools.equal(tools.copy_of(tools.fit([zero]).network), tools.copy_of(tools.fit([]).network))


def test_the_structure_is_the_same_for_every_rate(tools):
    one, other = (Dropout(p=p, input_p=p, output_p=p).edit_network(tools.make_network()) for p in (0.0, 0.5))
    assert [name for name, _ in one.named_modules()] == [name for name, _ in other.named_modules()]


def test_an_edited_network_can_be_copied_and_pickled(network):
    edited = Dropout(p=0.5, input_p=0.9, output_p=0.0).edit_network(network)
    x = torch.ones(50, 6)
    for again in (copy.deepcopy(edited), pickle.loads(pickle.dumps(edited))):
        torch.manual_seed(1)
        expected = edited(x)
        torch.manual_seed(1)
        assert torch.equal(again(x), expected)


def test_a_network_without_activation_is_refused_unless_hidden_dropout_is_off():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(6, 3))
    with pytest.raises(ValueError, match=r"^the network must hold an activation module .*p=0.*$"):
        Dropout(p=0.5, input_p=0.0, output_p=0.0).edit_network(linear)
    edited = Dropout(p=0.0, input_p=0.5, output_p=0.0).edit_network(
        nn.Sequential(nn.Flatten(), nn.Linear(6, 3))
    )
    assert not torch.equal(edited(torch.ones(9, 6)), edited(torch.ones(9, 6)))


@pytest.mark.parametrize("name", ["p", "input_p", "output_p"])
@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_a_bad_rate_is_refused_by_its_name(name, rate):
    with pytest.raises(ValueError, match=rf"^{name} must be in \[0, 1\), got .*$"):
        Dropout(**{"p": 0.5, "input_p": 0.0, "output_p": 0.0, name: rate})


def test_outputs_of_auxiliary_classifiers_are_dropped_too_and_losses_never():
    torch.manual_seed(0)
    output = OutputDropout(0.5)
    given = output(Auxiliary(torch.ones(50, 10), (torch.ones(50, 10),), 0.3))
    assert isinstance(given, Auxiliary)
    for logits in (given.logits, *given.others):
        assert set(logits.unique().tolist()) == {0.0, 2.0}
    losses = {"place": torch.ones(())}
    assert OutputDropout(0.0)(losses) is losses
    with pytest.raises(
        ValueError, match=r"^output_p must be 0 for a network that gives losses, got 0\.5; leave it out$"
    ):
        output(losses)
