"""A training step with auxiliary classifiers, of our network and of torchvision's with the same weights."""

import torch
from torch.nn import functional as F
from twins import assert_same

from podium.contracts import Auxiliary
from podium.layers.naming import to_torchvision


def assert_same_auxiliary_step(ours, theirs, x, target, weight):
    """Gradients, weights and statistics. One seed makes one set of dropout masks, as the places are the same."""
    for network in (ours, theirs):
        torch.manual_seed(1)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.001)
        logits, others = _answers(network.train()(x), weight)
        loss = F.cross_entropy(logits, target) + weight * sum(
            F.cross_entropy(other, target) for other in others
        )
        loss.backward()
        optimizer.step()
    assert_same(to_torchvision(ours, ours.state_dict()), theirs.state_dict())
    grads = {key: parameter.grad for key, parameter in ours.named_parameters()}
    assert_same(to_torchvision(ours, grads), {key: value.grad for key, value in theirs.named_parameters()})
    assert all(grad.any() for grad in grads.values())


def _answers(output, weight):
    if isinstance(output, Auxiliary):
        assert output.weight == weight
        return output.logits, output.others
    logits, *others = output
    return logits, others
