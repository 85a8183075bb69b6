"""Every packed optimizer takes the steps of torch's own."""

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, RMSprop

from podium.pack.errors import Unpackable
from podium.pack.updates import make_update

LANES = {
    "sgd": (SGD, [{"lr": 0.1}, {"lr": 0.02, "weight_decay": 0.1}]),
    "momentum": (
        SGD,
        [
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.5, "dampening": 0.3, "weight_decay": 0.01},
            {"lr": 0.1, "dampening": 0.7},
        ],
    ),
    "nesterov": (SGD, [{"lr": 0.1, "momentum": m, "nesterov": True} for m in (0.9, 0.3)]),
    "rmsprop": (RMSprop, [{"lr": 0.01, "alpha": 0.9}, {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.1}]),
    "rmsprop_centered": (RMSprop, [{"lr": 0.01, "centered": True, "eps": eps} for eps in (1e-8, 1e-3)]),
    "adam": (Adam, [{"lr": 0.01, "weight_decay": 0.1}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-4}]),
    "adamw": (AdamW, [{"lr": 0.01, "weight_decay": 0.1}, {"lr": 0.1, "betas": (0.5, 0.9)}]),
}


def both(name: str, steps: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """The weights of all lanes after some steps, packed and one by one."""
    owner, settings = LANES[name]
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(len(settings), 7, generator=generator)
    alone = [nn.Parameter(row.clone()) for row in start]
    optimizers = [owner([weights], **values) for weights, values in zip(alone, settings, strict=True)]
    ours = start.clone()
    update = make_update(optimizers, ours)
    for _ in range(steps):
        gradient = torch.randn(start.shape, generator=generator)
        for weights, optimizer, row in zip(alone, optimizers, gradient, strict=True):
            weights.grad = row.clone()
            optimizer.step()
        update.step(ours, gradient)
    return ours, torch.stack([weights.detach() for weights in alone])


@pytest.mark.parametrize("name", LANES)
def test_weights_are_those_of_torch(name: str) -> None:
    ours, theirs = both(name)
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_another_rate_is_noticed() -> None:
    ours, theirs = both("adam", steps=3)
    assert not torch.allclose(ours * 1.001, theirs, rtol=1e-5, atol=1e-6)


def test_a_lane_goes_on_with_what_it_remembers_when_others_leave() -> None:
    owner, settings = LANES["adam"]

    def stepped(leaving_after: int) -> torch.Tensor:
        weights = torch.ones(2, 3)
        update = make_update([owner([nn.Parameter(torch.ones(3))], **one) for one in settings], weights)
        for step in range(6):
            if step == leaving_after:
                update.select([1])
                weights = weights[1:].clone()
            update.step(weights, torch.full_like(weights, 0.1 * step))
        return weights[-1]

    assert torch.equal(stepped(leaving_after=3), stepped(leaving_after=9))


def test_what_has_no_packed_form_is_refused() -> None:
    parameter = nn.Parameter(torch.ones(3))
    with pytest.raises(Unpackable, match="Adagrad cannot be packed"):
        make_update([Adagrad([parameter])], torch.ones(1, 3))
    with pytest.raises(Unpackable, match="amsgrad"):
        make_update([Adam([parameter], amsgrad=True)], torch.ones(1, 3))
    with pytest.raises(Unpackable, match="nesterov differs"):
        make_update(
            [SGD([parameter], momentum=0.9, nesterov=flag) for flag in (True, False)], torch.ones(2, 3)
        )
