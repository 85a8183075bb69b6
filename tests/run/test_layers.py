import pytest
import torch
from torch import nn

from podium.run.layers import Layer, Line, count_layers, differences_of


def line(module="0", **printed):
    return Line(name="a layer", module=module, **({"output": "8x8x4"} | printed))


def layer(output="8x8x4", weights=163_328, parameters=163_696, multiply_adds=128_049_152):
    return Layer(output, weights, parameters, multiply_adds)


def test_a_line_may_have_several_modules_and_shows_the_last_ones_output():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 3, padding=1), nn.Flatten(), nn.Linear(512, 2)
    )
    both, dense = count_layers(network, [3, 8, 8], [line("0 1"), line("3")])
    assert both == Layer("8x8x8", weights=12 + 288, parameters=16 + 296, multiply_adds=64 * (12 + 288))
    assert dense == Layer("2", weights=1024, parameters=1026, multiply_adds=1024)


def test_layers_are_counted_without_memory():
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(3, 4, 3))
    assert count_layers(network, [3, 9, 9], [line("0")])[0].multiply_adds == 49 * 108


@pytest.mark.parametrize("printed", ["159K", "160K", "163,696"])
def test_parameters_agree_when_they_are_rounded_or_cut_off(printed):
    assert differences_of(line(parameters=printed), layer(parameters=163_696)) == []


def test_figures_that_are_printed_otherwise_are_differences():
    wrong = line(output="7x7x4", parameters="161K", operations="129M")
    assert differences_of(wrong, layer()) == ["output", "parameters", "operations"]
    assert differences_of(line(parameters="163,328"), layer()) == ["parameters"]  # without its biases
    assert differences_of(line(), layer()) == []
