"""Checks of the shapes, sizes and factors that networks are asked to take."""

from collections.abc import Sequence


def image_shape(in_shape: Sequence[int], *, network: str, at_least: int, remedy: str) -> tuple[int, int, int]:
    """(channels, height, width) of the images that a network takes.

    Raises:
        ValueError: the samples are no images, or smaller than ``at_least`` in height or width.
    """
    _check(in_shape, network, "images", ("height", "width"), at_least, remedy)
    channels, height, width = in_shape
    return channels, height, width


def signal_shape(in_shape: Sequence[int], *, network: str, at_least: int, remedy: str) -> tuple[int, int]:
    """(channels, length) of the signals that a network takes.

    Raises:
        ValueError: the samples are no signals, or shorter than ``at_least``.
    """
    _check(in_shape, network, "signals", ("length",), at_least, remedy)
    channels, length = in_shape
    return channels, length


def volume_shape(
    in_shape: Sequence[int], *, network: str, at_least: int, remedy: str
) -> tuple[int, int, int, int]:
    """(channels, frames, height, width) of the volumes or video clips that a network takes.

    Raises:
        ValueError: the samples are no volumes, or smaller than ``at_least`` in frames, height or width.
    """
    _check(in_shape, network, "volumes", ("frames", "height", "width"), at_least, remedy)
    channels, frames, height, width = in_shape
    return channels, frames, height, width


def symbols_length(in_shape: Sequence[int], *, network: str) -> int:
    """The length of the sequences of symbols that a network takes.

    Raises:
        ValueError: the samples are no sequences of symbols.
    """
    if len(in_shape) != 1 or in_shape[0] < 1:
        raise ValueError(
            f"{network} requires sequences of symbols, got samples of {_by(in_shape)}; use data=text or other text"
        )
    return in_shape[0]


def pair_counts(
    in_shape: Sequence[int], num_classes: int, num_users: int | None, num_items: int | None, *, network: str
) -> tuple[int, int]:
    """How many users and items there are, of pairs with one value each.

    Raises:
        ValueError: the samples are no pairs of a user and an item.
    """
    if list(in_shape) != [2] or num_classes != 1 or num_users is None or num_items is None:
        raise ValueError(
            f"{network} requires pairs of a user and an item with a rating, got samples of {_by(in_shape)}; "
            "use data=movielens"
        )
    check_positive("num_users and num_items", [num_users, num_items], remedy="leave both to data")
    return num_users, num_items


def check_positive(name: str, values: Sequence[int], *, remedy: str) -> None:
    """Refuse sizes below one.

    Raises:
        ValueError: naming the parameter.
    """
    if any(value < 1 for value in values):
        raise ValueError(f"{name} must be positive, got {list(values)}; {remedy}")


def check_dropout(p: float) -> None:
    """Refuse what is no probability to drop a value, or would drop them all.

    Raises:
        ValueError: p is outside [0, 1).
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout must be in [0, 1), got {p}; 0 switches it off")


def scaled(filters: int, width: float) -> int:
    """``filters`` times the multiplier ``width`` of a network, at least 1.

    Raises:
        ValueError: the multiplier is not positive or not finite.
    """
    if not 0 < width < float("inf"):
        raise ValueError(f"width must be positive and finite, got {width}; network.width=1.0 is the paper's")
    return max(1, round(filters * width))


def _check(
    in_shape: Sequence[int], network: str, kind: str, axes: Sequence[str], at_least: int, remedy: str
) -> None:
    if len(in_shape) != 1 + len(axes) or min(in_shape) < 1:
        raise ValueError(
            f"{network} requires {kind} of {' x '.join(['channels', *axes])}, got samples of {_by(in_shape)}; "
            f"use a dense network (network=dense512) or a data set of {kind}"
        )
    if min(in_shape[1:]) < at_least:
        least = _by([at_least] * len(axes))
        raise ValueError(f"{network} requires {kind} of at least {least}, got {_by(in_shape)}; {remedy}")


def _by(shape: Sequence[int]) -> str:
    return "x".join(str(size) for size in shape)
