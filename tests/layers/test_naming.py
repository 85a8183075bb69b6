import pytest
import torch
from torch import nn

from podium.layers.naming import Published, from_torchvision, to_torchvision


class Ours(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.output = nn.Linear(4, 2)

    def torchvision_name(self):
        return "theirs"

    def torchvision_modules(self):
        return {"first.0": "features.conv", "first.1": "features.norm", "output": "fc"}


THEIRS = {
    *("features.conv.weight", "features.conv.bias", "fc.weight", "fc.bias"),
    *(f"features.norm.{leaf}" for leaf in ("weight", "bias", "running_mean", "running_var")),
    "features.norm.num_batches_tracked",
}


def test_a_network_with_both_methods_is_published_and_others_are_not():
    assert isinstance(Ours(), Published)
    assert not isinstance(nn.Linear(2, 2), Published)


def test_a_state_takes_their_names_buffers_too():
    network = Ours()
    state = to_torchvision(network, network.state_dict())
    assert state.keys() == THEIRS
    assert torch.equal(state["features.conv.weight"], network.first[0].weight)


def test_there_and_back_gives_the_same_state():
    network = Ours()
    back = from_torchvision(network, to_torchvision(network, network.state_dict()))
    assert list(back) == list(network.state_dict())
    assert all(torch.equal(back[key], tensor) for key, tensor in network.state_dict().items())
    Ours().load_state_dict(back)


@pytest.mark.parametrize(
    ("rename", "key"), [(from_torchvision, "layer5.weight"), (to_torchvision, "second.weight")]
)
def test_weights_of_another_network_are_refused_by_name(rename, key):
    message = (
        rf"^weights must be of the same network, got {key}, which it does not have; choose other weights$"
    )
    with pytest.raises(ValueError, match=message):
        rename(Ours(), {key: torch.zeros(1)})


def test_a_parameter_of_the_network_itself_has_no_module_to_be_named_after():
    with pytest.raises(ValueError, match="got scale, which it does not have"):
        to_torchvision(Ours(), {"scale": torch.zeros(1)})
