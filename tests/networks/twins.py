"""A network of ours and the same network of torchvision's, with the same weights."""

import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from podium.layers.naming import Published, from_torchvision, to_torchvision


@torch.no_grad()
def twins(make_ours, make_theirs):
    """Both, without shared memory; their answers depend on their inputs, which torch's own initialisation of plain
    networks hardly does."""
    torch.manual_seed(0)
    with torch.device("meta"):
        ours, theirs = make_ours(), make_theirs()
    ours, theirs = ours.to_empty(device="cpu"), theirs.to_empty(device="cpu")
    for module in theirs.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                module.bias.normal_(std=0.1)
        elif isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias, module.running_mean):
                tensor.normal_(std=0.1)
            module.num_batches_tracked.zero_()
    ours.load_state_dict(from_torchvision(ours, theirs.state_dict()))
    return ours, theirs


@torch.no_grad()
def assert_same_logits(ours, theirs, x):
    """In evaluation, to 1e-4; and the logits tell the samples of the batch apart, so that this can fail."""
    mine, other = ours.eval()(x), theirs.eval()(x)
    torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)
    assert (mine - other.flip(0)).abs().mean() > 0.01


def assert_same_training_step(ours, theirs, x, target):
    """Gradients, weights and statistics. One seed makes one set of dropout masks, as the places are the same."""
    for network in (ours, theirs):
        torch.manual_seed(1)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.001)
        F.cross_entropy(network.train()(x), target).backward()
        optimizer.step()
    assert_same(to_torchvision(ours, ours.state_dict()), theirs.state_dict())
    grads = {key: parameter.grad for key, parameter in ours.named_parameters()}
    assert_same(to_torchvision(ours, grads), {key: value.grad for key, value in theirs.named_parameters()})
    assert all(grad.any() for grad in grads.values())


def assert_takes_published_weights(network, name):
    """Torchvision's own for four classes, under their own names and back."""
    theirs = models.get_model(name, weights=None, weights_backbone=None, num_classes=4).state_dict()
    assert isinstance(network, Published)
    assert network.torchvision_name() == name
    network.load_state_dict(from_torchvision(network, theirs))
    state = to_torchvision(network, network.state_dict())
    assert state.keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in state.items())


def assert_states_convert_both_ways(ours, theirs):
    """Ours to theirs, and theirs to ours."""
    state = to_torchvision(ours, ours.state_dict())
    assert_same(state, theirs.state_dict())
    assert_same(from_torchvision(ours, state), ours.state_dict())


def assert_same(mine, other):
    """State dictionaries with the same keys and, but for the order of sums, the same tensors."""
    assert list(mine) == list(other)
    for key, tensor in other.items():
        assert _equal(mine[key], tensor), key


def _equal(mine, other):
    return torch.equal(mine, other) or torch.allclose(
        mine, other, rtol=1e-4, atol=1e-6
    )  # equal is much faster
