"""Convolutions of tiny maps as dense products: values and gradients are the same, bits do not depend on the other lanes."""

from typing import Any

import pytest
import torch
from torch import nn

from podium.pack import convolve
from podium.pack.convolve import FoldedConv
from podium.pack.fold import Lanes
from podium.pack.form import Form
from podium.pack.network import FoldedNetwork

LANES, BATCH = 3, 64
PRODUCTS = {  # channels, filters, size of the maps, settings of the layer
    "3x3 on 2x2": (8, 6, (2, 2), {"kernel_size": 3, "padding": 1}),
    "no bias": (8, 6, (2, 2), {"kernel_size": 3, "padding": 1, "bias": False}),
    "one position": (4, 3, (1, 1), {"kernel_size": 3, "padding": 1}),
    "stride": (4, 5, (3, 3), {"kernel_size": 5, "padding": 2, "stride": 2}),
    "strides of two kinds": (4, 5, (3, 2), {"kernel_size": (5, 3), "padding": (2, 1), "stride": (2, 1)}),
    "dilation": (4, 3, (3, 3), {"kernel_size": 5, "padding": (4, 6), "dilation": (2, 3)}),
    "wide padding": (4, 3, (2, 2), {"kernel_size": (3, 5), "padding": (1, 4)}),
    "no padding on one axis": (4, 3, (2, 5), {"kernel_size": (4, 5), "padding": (2, 0)}),
    "same, more behind": (4, 3, (2, 2), {"kernel_size": 4, "padding": "same"}),
}
CONVOLUTIONS = {
    "8x8": (8, 6, (8, 8), {"kernel_size": 3, "padding": 1}),
    "4x4": (8, 6, (4, 4), {"kernel_size": 3, "padding": 1}),
    "1x1 windows": (8, 6, (1, 1), {"kernel_size": 1}),
    "groups": (8, 6, (2, 2), {"kernel_size": 3, "padding": 1, "groups": 2}),
    "circular": (8, 6, (2, 2), {"kernel_size": 3, "padding": 1, "padding_mode": "circular"}),
    "rows that are not aligned": (3, 4, (1, 1), {"kernel_size": 3, "padding": 1}),
}
Case = tuple[int, int, tuple[int, int], dict[str, Any]]


def networks_of(case: Case, count: int = LANES) -> tuple[list[nn.Module], torch.Tensor]:
    """A layer for each lane, and their inputs (lanes, batch, ...)."""
    torch.manual_seed(0)
    channels, filters, size, settings = case
    layers: list[nn.Module] = [nn.Conv2d(channels, filters, **settings) for _ in range(count)]
    return layers, torch.randn(count, BATCH, channels, *size)


def folded_of(networks: list[nn.Module], form: Form = Form.APART) -> FoldedNetwork:
    return FoldedNetwork(networks, Lanes([torch.Generator() for _ in networks], form=form))


def is_dense(folded: FoldedNetwork, input: torch.Tensor) -> bool:
    assert isinstance(folded.module, FoldedConv)
    return folded.module.is_dense(input.flatten(0, 1).shape)


def loss(output: torch.Tensor) -> torch.Tensor:
    """In which no two outputs have the same part."""
    each = torch.linspace(-1, 1, output[0].numel(), dtype=output.dtype).view(output.shape[1:])
    return (output * each).sum()


def results(folded: FoldedNetwork, input: torch.Tensor) -> list[torch.Tensor]:
    """Outputs and gradients of inputs and weights, each (lanes, ...)."""
    flat = input.flatten(0, 1).requires_grad_()
    output = folded(flat)
    found = (output, *torch.autograd.grad(loss(output), [flat, folded.weights]))
    return [tensor.detach().reshape(len(input), -1) for tensor in found]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # by torch's own
@pytest.mark.parametrize("form", [Form.APART, Form.GROUPED])
@pytest.mark.parametrize("name", PRODUCTS)
def test_values_and_gradients_are_those_of_each_convolution(name: str, form: Form) -> None:
    networks, input = networks_of(PRODUCTS[name])
    networks, input = [network.double() for network in networks], input.double()
    folded = folded_of(networks, form)
    assert is_dense(folded, input)
    values, slopes, gradients = results(folded, input)
    parts = folded.parts(gradients)
    for lane, network in enumerate(networks):
        own = input[lane].clone().requires_grad_()
        output = network(own)
        loss(output).backward()
        pairs = [(values, output), (slopes, own.grad)]
        pairs += [(parts[name], parameter.grad) for name, parameter in network.named_parameters()]
        for ours, theirs in pairs:
            assert theirs is not None
            assert torch.allclose(ours[lane].flatten(), theirs.flatten(), rtol=0, atol=1e-10)


def test_sequences_are_multiplied_too() -> None:
    torch.manual_seed(0)
    networks: list[nn.Module] = [nn.Conv1d(4, 3, 5, stride=2, padding=2).double() for _ in range(LANES)]
    input = torch.randn(LANES, BATCH, 4, 3).double()
    folded = folded_of(networks)
    assert is_dense(folded, input)
    output = folded(input.flatten(0, 1))
    own = torch.cat([network(input[lane]) for lane, network in enumerate(networks)])
    assert torch.allclose(output, own, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_other_maps_are_convolved(name: str) -> None:
    networks, input = networks_of(CONVOLUTIONS[name])
    assert not is_dense(folded_of(networks), input)


def test_where_making_the_matrices_costs_more_than_the_product_saves_maps_are_convolved() -> None:
    networks, input = networks_of(PRODUCTS["3x3 on 2x2"])
    folded = folded_of(networks)
    assert is_dense(folded, input[:, :32])
    assert not is_dense(folded, input[:, :16])
    assert not is_dense(folded_of(networks, Form.CHANNELS_LAST), input)


def test_validation_may_be_first_to_see_a_size() -> None:
    networks, input = networks_of(PRODUCTS["3x3 on 2x2"])
    folded = folded_of(networks)
    with torch.inference_mode():
        first = folded(input.flatten(0, 1)).view(LANES, -1)
    assert torch.equal(results(folded, input)[0], first)


def bits_differ(case: Case, batch: int = BATCH) -> bool:
    """Whether some lane's results change with the number of lanes or its place among them."""
    networks, input = networks_of(case, count=5)
    input = input[:, :batch]
    whole = results(folded_of(networks), input)
    for lanes in ([0, 1, 2], [3, 1], [4], [1], [2, 4, 3]):
        part = results(folded_of([networks[lane] for lane in lanes]), input[lanes])
        if not all(torch.equal(ours, theirs[lanes]) for ours, theirs in zip(part, whole, strict=True)):
            return True
    return False


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_lanes_bits_depend_neither_on_the_others_nor_on_its_place(name: str) -> None:
    assert not bits_differ(PRODUCTS[name])


def test_rows_that_are_not_aligned_would_depend_on_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    case: Case = (13, 5, (1, 1), {"kernel_size": 3, "padding": 1})
    assert not bits_differ(case, batch=63)
    monkeypatch.setattr(convolve, "ALIGNED", 1)
    if not bits_differ(case, batch=63):  # the protection switched off
        pytest.skip("this processor's products do not look at where matrices begin")


@pytest.mark.parametrize("lanes", [1, LANES])
def test_outputs_and_gradients_lie_in_memory_as_those_of_a_convolution(
    lanes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks, input = networks_of(PRODUCTS["3x3 on 2x2"], lanes)

    def in_order() -> set[bool]:
        flat = input.flatten(0, 1).requires_grad_()
        output = folded_of(networks)(flat)
        (slope,) = torch.autograd.grad(loss(output), flat)
        return {output.is_contiguous(), slope.is_contiguous()}

    assert in_order() == {True}
    monkeypatch.setattr(
        convolve, "_channels_first", lambda rows, n: rows.view(*rows.shape[:2], -1, n).transpose(2, 3)
    )
    assert in_order() == {False}  # the protection switched off
