from torch import nn

from podium.tricks.weights import shrinkable


def test_weights_are_shrunk_and_biases_and_gains_of_norms_are_not():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.LayerNorm((2, 4, 4)), nn.Linear(2, 2))
    assert [id(w) for w in shrinkable(network)] == [id(network[0].weight), id(network[3].weight)]


def test_a_weight_used_twice_is_shrunk_once():
    layer = nn.Linear(2, 2)
    assert len(shrinkable(nn.Sequential(layer, nn.ReLU(), layer))) == 1
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    assert len(shrinkable(tied)) == 1


def test_a_frozen_weight_is_not_shrunk():
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad_(False)
    assert shrinkable(layer) == []
