import copy

import pytest
import torch
from torch import nn

from podium.layers.adopted import Adopted, check_name, fitting


class Theirs(nn.Module):
    """Somebody else's network: its last linear layer deep inside, an activation that overwrites its input."""

    def __init__(self, after=None):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Sequential(nn.Flatten(), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(64, 3))
        self.after = after if after is not None else nn.Identity()

    def forward(self, x):
        return self.after(self.head(self.norm(self.conv(x))))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.alias = self.linear

    def forward(self, x):
        return self.linear(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(self.linear(x))


class OtherwiseInTraining(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return (self.linear(x), x) if self.training else self.linear(x)


def adopt(inner, in_shape=(1, 6, 6)):
    return Adopted(inner, in_shape=in_shape, network="theirs")


def test_the_last_linear_layer_is_output_and_nothing_else_changes():
    inner = Theirs()
    before = copy.deepcopy(inner).eval()
    network = adopt(inner)
    assert isinstance(network.output, nn.Linear)
    assert network.output_path == "head.3"
    assert list(network.state_dict())[-2:] == ["output.weight", "output.bias"]
    assert len(network.state_dict()) == len(before.state_dict())
    x = torch.rand(5, 1, 6, 6)
    assert torch.equal(network.eval()(x), before(x))


def test_every_module_has_its_authors_path():
    network = adopt(Theirs())
    paths = network.torchvision_modules()
    theirs = {f"{paths[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}" for key in network.state_dict()}
    assert theirs == set(Theirs().state_dict())
    assert network.torchvision_name() is None


@pytest.mark.parametrize(
    ("inner", "in_shape"),
    [
        (Theirs(after=nn.LogSoftmax(dim=1)), (1, 6, 6)),
        (nn.Sequential(nn.Conv2d(1, 3, 6), nn.Flatten()), (1, 6, 6)),
        (Twice(), (4,)),
        (Recurrent(), (4,)),
        (OtherwiseInTraining(), (4,)),
    ],
    ids=["softmax behind", "convolution", "two names", "used twice", "another result in training"],
)
def test_a_linear_layer_that_is_not_the_last_step_stays(inner, in_shape):
    before = set(inner.state_dict())
    network = adopt(inner, in_shape)
    assert network.output is None
    assert {key.removeprefix("inner.") for key in network.state_dict()} == before
    x = torch.rand(2, *in_shape)
    assert torch.equal(network.eval()(x), inner.eval()(x))


def test_a_network_that_is_a_linear_layer_alone_is_output():
    network = adopt(nn.Linear(4, 3), (4,))
    assert list(network.state_dict()) == ["output.weight", "output.bias"]
    assert network.torchvision_modules() == {"output": ""}


def test_looking_at_it_leaves_statistics_modes_and_random_state_alone():
    inner = Theirs()
    inner.head.eval()
    state = torch.get_rng_state()
    before = {key: tensor.clone() for key, tensor in inner.state_dict().items()}
    network = adopt(inner)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in (inner.conv, inner.norm, inner.head)] == [True, True, False]
    after = network.state_dict()
    assert torch.equal(after["inner.norm.running_mean"], before["norm.running_mean"])
    assert int(after["inner.norm.num_batches_tracked"]) == 0


def test_activations_leave_their_input_unchanged():
    inner = Theirs()
    activation = inner.head[1]
    x = torch.full((1, 2), -1.0)
    activation(x)
    assert not x.any()
    adopt(inner)
    x = torch.full((1, 2), -1.0)
    activation(x)
    assert torch.equal(x, torch.full((1, 2), -1.0))


def test_samples_that_do_not_fit_are_refused_in_one_line():
    with pytest.raises(
        ValueError, match=r"theirs requires images .+, got samples of 1x2x2 \(.+\); use .+"
    ) as caught:
        adopt(Theirs(), (1, 2, 2))
    assert "\n" not in str(caught.value)


def test_a_bug_in_it_keeps_its_own_error():
    class Broken(nn.Module):
        def forward(self, x):
            return x.nothing

    with pytest.raises(AttributeError, match="nothing"):
        adopt(Broken())


@pytest.mark.parametrize(
    "error", [RuntimeError("a\nb"), AssertionError(), ZeroDivisionError("c"), ValueError("d")]
)
def test_what_strangers_raise_becomes_one_line(error):
    with (
        pytest.raises(ValueError, match=r"^x requires images .+ got samples of 1x2 \(.+\); use .+"),
        fitting((1, 2), network="x"),
    ):
        raise error


def test_an_unknown_name_is_told_the_nearest():
    check_name("alexnet", ["alexnet", "vgg11"], network="somebody")
    with pytest.raises(
        ValueError, match=r"name must be a network of somebody, got 'alxnet'; set network.name=alexnet"
    ):
        check_name("alxnet", ["alexnet", "vgg11"], network="somebody")


def test_it_is_made_without_memory_too():
    with torch.device("meta"):
        network = adopt(Theirs())
    assert network.output is not None
    assert network.output.weight.is_meta
