import pytest
from torch import nn

from podium.layers.plain import hidden_layers, numbered_names


def made(**changes):
    values = {"activation": "relu", "dropout": 0.5, "place": "after"}
    return hidden_layers(3, 4, **values | changes)


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ("after", ["dense1", "dense1_activation", "dense1_dropout"]),
        ("before", ["dense1_dropout", "dense1", "dense1_activation"]),
    ],
)
def test_dropout_stands_where_it_is_asked_to(place, order):
    names = [name for name, _ in made(place=place).named_children()]
    assert names[:3] == order
    assert names[3:] == [name.replace("1", "2") for name in order]


def test_its_layers_have_the_sizes_asked_for():
    layers = made()
    assert (layers.dense1.in_features, layers.dense1.out_features) == (3, 4)
    assert (layers.dense2.in_features, layers.dense2.out_features) == (4, 4)
    assert layers.dense2_dropout.p == 0.5


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_a_rate_outside_its_range_is_refused(p):
    with pytest.raises(ValueError, match=rf"^dropout must be in \[0, 1\), got {p}; 0 switches it off$"):
        made(dropout=p)


def test_only_what_has_state_is_numbered_and_everything_counts():
    features = nn.Sequential()
    for name, module in {
        "conv": nn.Conv2d(1, 1, 1),
        "pool": nn.MaxPool2d(2),
        "norm": nn.BatchNorm2d(1),
    }.items():
        features.add_module(name, module)
    assert numbered_names(features, made(place="before")) == {
        "features.conv": "features.0",
        "features.norm": "features.2",
        "hidden.dense1": "classifier.1",
        "hidden.dense2": "classifier.4",
        "output": "classifier.6",
    }
