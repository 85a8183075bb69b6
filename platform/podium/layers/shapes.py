"""Checks of the shapes and sizes that networks are asked to take."""

from collections.abc import Sequence


def image_shape(in_shape: Sequence[int], *, network: str, at_least: int, remedy: str) -> tuple[int, int, int]:
    """(channels, height, width) of the images that a network takes.

    Raises:
        ValueError: the samples are no images, or smaller than ``at_least`` in height or width.
    """
    if len(in_shape) != 3 or min(in_shape) < 1:
        raise ValueError(
            f"{network} requires images of channels x height x width, got samples of {_by(in_shape)}; "
            "use a dense network (network=dense512) or a data set of images"
        )
    channels, height, width = in_shape
    if min(height, width) < at_least:
        raise ValueError(
            f"{network} requires images of at least {at_least}x{at_least}, got {_by(in_shape)}; {remedy}"
        )
    return channels, height, width


def check_positive(name: str, values: Sequence[int], *, remedy: str) -> None:
    """Refuse sizes below one.

    Raises:
        ValueError: naming the parameter.
    """
    if any(value < 1 for value in values):
        raise ValueError(f"{name} must be positive, got {list(values)}; {remedy}")


def _by(shape: Sequence[int]) -> str:
    return "x".join(str(size) for size in shape)
