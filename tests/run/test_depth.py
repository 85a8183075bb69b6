import pytest
import torch
import torchvision
from torch import nn

from podium.layers.merge import make_merge
from podium.layers.surgery import insert_after
from podium.run.costs import keras_depth, keras_parameters, network_costs
from podium.run.depth import layer_depth


def depth_of(*layers, shape=(4, 8, 8)):
    return layer_depth(nn.Sequential(*layers).eval(), torch.zeros(1, *shape))


def conv(fan_in=4, filters=4, size=3, **options):
    return nn.Conv2d(fan_in, filters, size, padding=size // 2, **options)


class Branches(nn.Module):
    """A short and a long path, joined."""

    def __init__(self, join):
        super().__init__()
        self.short, self.long, self.join = conv(), nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU()), join

    def forward(self, x):
        return self.join(self.short(x), self.long(x))


def test_the_input_is_the_first_layer():
    assert depth_of(conv()) == 2
    assert depth_of(nn.Identity()) == 1


def test_an_activation_is_part_of_the_weight_layer_that_it_follows_and_a_layer_elsewhere_or_with_parameters():
    assert depth_of(conv(), nn.ReLU()) == 2
    assert depth_of(nn.Flatten(), nn.Linear(256, 3), nn.Tanh()) == 3
    assert depth_of(conv(), nn.BatchNorm2d(4), nn.ReLU()) == 4
    assert depth_of(conv(), nn.ReLU(), nn.ReLU()) == 3
    assert depth_of(conv(), nn.PReLU()) == 3


def test_a_separable_convolution_is_one_layer_unless_something_stands_between_its_parts():
    depthwise, pointwise = conv(groups=4), conv(size=1)
    assert depth_of(depthwise, pointwise) == 2
    assert depth_of(depthwise, nn.BatchNorm2d(4), nn.ReLU(), pointwise) == 5
    assert depth_of(conv(groups=2), pointwise) == 3
    assert depth_of(depthwise, conv()) == 3


def test_flattening_is_part_of_global_pooling_and_a_layer_behind_other_maps():
    assert depth_of(nn.AdaptiveAvgPool2d(1), nn.Flatten()) == 2
    assert depth_of(nn.AvgPool2d(8), nn.Flatten()) == 3
    assert depth_of(nn.AdaptiveAvgPool2d(2), nn.Flatten()) == 3


def test_what_does_nothing_in_evaluation_is_no_layer():
    idle = (nn.Dropout(), nn.Dropout2d(), nn.Identity(), nn.AdaptiveAvgPool2d(8), nn.ZeroPad2d(0))
    assert depth_of(*idle) == 1
    assert depth_of(conv(), nn.Dropout(), nn.ReLU()) == 2


@pytest.mark.parametrize("name", ["add", "multiply", "average", "maximum", "concatenate"])
def test_a_merge_is_one_layer_behind_the_longest_branch(name):
    assert depth_of(Branches(make_merge(name))) == 5


def test_an_operator_that_joins_branches_counts_as_the_module_does():
    assert depth_of(Branches(torch.add)) == depth_of(Branches(make_merge("add"))) == 5
    assert depth_of(Branches(lambda a, b: torch.cat([a, b], dim=1))) == 5


def test_operators_on_one_tensor_count_nothing():
    assert depth_of(Branches(lambda short, long: 2 * long.flatten(1))) == 4


def test_layers_that_the_output_does_not_need_count_nothing():
    assert depth_of(Branches(lambda short, long: short)) == 2


def test_what_a_trick_inserted_comes_behind_the_layer_that_holds_it():
    network = nn.Sequential(conv(), nn.MaxPool2d(2))
    insert_after(network, lambda _, m: isinstance(m, nn.Conv2d), lambda: nn.BatchNorm2d(4), what="conv")
    assert layer_depth(network.eval(), torch.zeros(1, 4, 8, 8)) == 4


def test_vgg_has_22_layers_without_a_module_that_flattens_and_resnet_50_has_167():
    """torchvision's VGG flattens by a function, which is no layer here; Keras' 23 and 168 count one flattening more."""
    with torch.device("meta"):
        vgg, resnet = torchvision.models.vgg16(), torchvision.models.resnet50()
    assert keras_depth(vgg, [3, 224, 224]) == 22
    assert keras_depth(resnet, [3, 224, 224]) == 167


def test_counts_on_the_meta_device_are_those_with_memory():
    def network():
        return torchvision.models.mobilenet_v2(width_mult=0.25)

    with torch.device("meta"):
        empty = network()
    full = network()
    assert network_costs(empty, [3, 64, 64]) == network_costs(full, [3, 64, 64])
    assert keras_depth(empty, [3, 64, 64]) == keras_depth(full, [3, 64, 64])
    assert keras_parameters(empty) == keras_parameters(full)


def test_counting_leaves_no_hooks_and_no_modes():
    network = Branches(make_merge("add"))
    keras_depth(network, [4, 8, 8])
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
