import pytest
import torch
from torch import nn
from torch.nn import functional as F

from podium.layers.unit import BatchNorm, ConvUnit


def unit(**changes):
    options = {"activation": "relu", "norm": "before", "use_bias": False, "kernel_size": 3, "padding": 1}
    torch.manual_seed(0)
    return ConvUnit(4, 6, **options | changes)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["conv", "norm", "activation"]),
        ({"norm": "after"}, ["conv", "activation", "norm"]),
        ({"norm": "none"}, ["conv", "activation"]),
        ({"activation": None}, ["conv", "norm"]),
        ({"activation": None, "norm": "after"}, ["conv", "norm"]),
        ({"activation": None, "norm": "none"}, ["conv"]),
    ],
)
def test_its_parts_run_in_the_order_that_is_asked_for(changes, names):
    assert [name for name, _ in unit(**changes).named_children()] == names


def test_it_computes_what_its_parts_compute():
    made = unit(use_bias=True)
    x = torch.rand(3, 4, 8, 8)
    convolved = F.conv2d(x, made.conv.weight, made.conv.bias, padding=1)
    mean, variance = convolved.mean((0, 2, 3)), convolved.var((0, 2, 3), correction=0)
    normalized = (convolved - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + 1e-5)
    torch.testing.assert_close(made(x), F.relu(normalized), rtol=1e-4, atol=1e-5)


def test_the_names_of_parameters_do_not_depend_on_the_order():
    assert unit().state_dict().keys() == unit(norm="after").state_dict().keys()


@pytest.mark.parametrize("use_bias", [True, False])
def test_the_bias_is_of_the_convolution(use_bias):
    assert (unit(use_bias=use_bias).conv.bias is not None) == use_bias


def test_everything_else_goes_to_the_convolution():
    conv = unit(kernel_size=(1, 5), stride=2, padding=(0, 2), groups=2, dilation=1).conv
    assert (conv.kernel_size, conv.stride, conv.padding, conv.groups) == ((1, 5), (2, 2), (0, 2), 2)
    with pytest.raises(TypeError):
        unit(no_such_option=1)


def test_the_normalisation_takes_its_constants():
    norm = unit(norm_eps=1e-3, norm_momentum=0.01).norm
    assert (norm.eps, norm.momentum) == (1e-3, 0.01)


def test_without_factors_only_the_offsets_are_learned_and_kept():
    norm = unit(norm_scale=False).norm
    assert [name for name, _ in norm.named_parameters()] == ["bias"]
    assert sorted(norm.state_dict()) == ["bias", "num_batches_tracked", "running_mean", "running_var"]
    assert isinstance(norm, nn.BatchNorm2d)


def test_without_factors_it_computes_what_factors_of_one_compute():
    with_factors, without = (BatchNorm(4, eps=1e-3, momentum=0.1, scale=scale) for scale in (True, False))
    x = torch.rand(3, 4, 5, 5)
    assert torch.equal(with_factors(x), without(x))
    nn.init.constant_(with_factors.weight, 2.0)
    assert not torch.equal(with_factors(x), without(x))


def test_factors_that_are_not_learned_go_with_the_module():
    norm = BatchNorm(4, eps=1e-3, momentum=0.1, scale=False)
    assert norm.to(torch.float64).weight.dtype == torch.float64
    assert norm.to("meta").weight.is_meta
