import pytest

from podium.layers.shapes import (
    check_dropout,
    check_positive,
    image_shape,
    scaled,
    signal_shape,
    volume_shape,
)

KINDS = {
    signal_shape: ("signals of channels x length", "signals of at least 8", [3, 8], [3, 7]),
    image_shape: ("images of channels x height x width", "images of at least 8x8", [3, 9, 8], [3, 9, 7]),
    volume_shape: (
        "volumes of channels x frames x height x width",
        "volumes of at least 8x8x8",
        [3, 8, 9, 8],
        [3, 8, 9, 7],
    ),
}

SHAPES = [[64], [1, 40], [3, 32, 32], [3, 16, 32, 32], [0, 8], [3, 0, 8], [3, 8, 0, 8]]
OTHERS = [
    (check, shape)
    for check, (_, _, right, _) in KINDS.items()
    for shape in SHAPES
    if len(shape) != len(right) or 0 in shape
]


@pytest.mark.parametrize("check", KINDS)
def test_samples_of_the_right_kind_are_taken_from_the_least_size_on(check):
    shape = KINDS[check][2]
    assert check(shape, network="net", at_least=8, remedy="-") == tuple(shape)


@pytest.mark.parametrize("check", KINDS)
def test_samples_that_are_too_small_are_refused(check):
    _, least, _, small = KINDS[check]
    given = "x".join(map(str, small))
    with pytest.raises(ValueError, match=f"^net requires {least}, got {given}; do this$"):
        check(small, network="net", at_least=8, remedy="do this")


@pytest.mark.parametrize(("check", "shape"), OTHERS)
def test_samples_of_another_kind_are_refused(check, shape):
    axes = KINDS[check][0]
    kind = axes.split()[0]
    message = (
        f"^net requires {axes}, got samples of {'x'.join(map(str, shape))}; "
        rf"use a dense network \(network=dense512\) or a data set of {kind}$"
    )
    with pytest.raises(ValueError, match=message):
        check(shape, network="net", at_least=1, remedy="-")


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match=r"^widths must be positive, got \[4, 0\]; set it$"):
        check_positive("widths", [4, 0], remedy="set it")
    check_positive("widths", [1], remedy="-")


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_what_is_no_dropout_is_refused(p):
    with pytest.raises(ValueError, match=rf"^dropout must be in \[0, 1\), got {p}; 0 switches it off$"):
        check_dropout(p)


@pytest.mark.parametrize("p", [0.0, 0.999])
def test_dropout_is_taken_from_none_to_nearly_all(p):
    check_dropout(p)


@pytest.mark.parametrize(
    ("filters", "width", "expected"),
    [(64, 1.0, 64), (64, 0.5, 32), (3, 0.5, 2), (64, 0.001, 1), (7, 1.5, 10)],
)
def test_filters_are_multiplied_rounded_and_never_none(filters, width, expected):
    assert scaled(filters, width) == expected


@pytest.mark.parametrize("width", [0.0, -1.0, float("inf"), float("nan")])
def test_multipliers_that_leave_no_network_are_refused(width):
    message = f"^width must be positive and finite, got {width}; network.width=1.0 is the paper's$"
    with pytest.raises(ValueError, match=message):
        scaled(64, width)
