"""The affine part of the classic image generator (Chollet and others 2015, https://keras.io/api/data_loading/image/).

    place in the image = c + R S H Z (place in the result - c),   c the image's middle, places (row, column, 1)
    R = [[cos a, -sin a, 0], [sin a, cos a, 0], [0, 0, 1]]           a ~ U(-rotation_range, rotation_range) degrees
    S = [[1, 0, t], [0, 1, u], [0, 0, 1]]                            t, u: see width_shift_range
    H = [[1, -sin s, 0], [0, cos s, 0], [0, 0, 1]]                   s ~ U(-shear_range, shear_range) degrees
    Z = [[z, 0, 0], [0, w, 0], [0, 0, 1]]                            z, w ~ U(1 - zoom_range, 1 + zoom_range)

One map for each image, bilinear. Follows Keras 2.2 with two exceptions: wrap has the period that its documentation
draws, and constant goes over to cval gradually instead of at the last pixel's centre (``podium.augment.warp``).
"""

import torch
from torch import Tensor

from podium.augment.draws import check_range, uniform, whole
from podium.augment.warp import FillMode, check_fill, identity, warp
from podium.contracts import Augmentation

Shift = float | list[float]


class Affine(Augmentation):
    """Turns, shifts, shears and zooms every image by an amount of its own; all ranges 0 is neutral.

    ``width_shift_range`` and ``height_shift_range``: below 1 a share of the side, from 1 on a whole number n of
    which shifts by -(n - 1) to n - 1 pixels are drawn, or a list of amounts of which one is drawn with either sign,
    in shares if all are below 1 and else in pixels. ``zoom_range``: z for zooms from 1 - z to 1 + z, or [low, high];
    below 1 things grow. ``cval`` fills when ``fill_mode`` is constant.

    Raises:
        ValueError: a value is out of its range.
    """

    moves = True

    def __init__(
        self,
        *,
        rotation_range: float,
        width_shift_range: Shift,
        height_shift_range: Shift,
        shear_range: float,
        zoom_range: float | list[float],
        fill_mode: FillMode,
        cval: float,
    ) -> None:
        check_range("rotation_range", rotation_range)
        check_range("shear_range", shear_range, most=89)
        for name, shift in (
            ("width_shift_range", width_shift_range),
            ("height_shift_range", height_shift_range),
        ):
            _check_shift(name, shift)
        check_fill(fill_mode, cval)
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.zoom_low, self.zoom_high = _zooms(zoom_range)
        self.fill_mode: FillMode = fill_mode
        self.cval = cval

    def __call__(self, input: Tensor) -> Tensor:
        """The images under their maps."""
        parts = [
            *self._rotation(input),
            *self._shift(input),
            *self._shear(input),
            *self._zoom(input),
        ]
        if not parts:
            return input
        matrix = parts[0]
        for part in parts[1:]:
            matrix = matrix @ part
        return warp(input, matrix, fill_mode=self.fill_mode, cval=self.cval)

    def _rotation(self, input: Tensor) -> list[Tensor]:
        if self.rotation_range == 0:
            return []
        angle = torch.deg2rad(uniform(-self.rotation_range, self.rotation_range, like=input))
        matrix = identity(input)
        matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
        matrix[:, 1, 0] = angle.sin()
        matrix[:, 0, 1] = -angle.sin()
        return [matrix]

    def _shift(self, input: Tensor) -> list[Tensor]:
        if self.width_shift_range == 0 and self.height_shift_range == 0:
            return []
        matrix = identity(input)
        matrix[:, 0, 2] = _draw_shift(self.height_shift_range, input.shape[-2], like=input)
        matrix[:, 1, 2] = _draw_shift(self.width_shift_range, input.shape[-1], like=input)
        return [matrix]

    def _shear(self, input: Tensor) -> list[Tensor]:
        if self.shear_range == 0:
            return []
        angle = torch.deg2rad(uniform(-self.shear_range, self.shear_range, like=input))
        matrix = identity(input)
        matrix[:, 0, 1] = -angle.sin()
        matrix[:, 1, 1] = angle.cos()
        return [matrix]

    def _zoom(self, input: Tensor) -> list[Tensor]:
        if self.zoom_low == self.zoom_high == 1:
            return []
        matrix = identity(input)
        matrix[:, 0, 0] = uniform(self.zoom_low, self.zoom_high, like=input)
        matrix[:, 1, 1] = uniform(self.zoom_low, self.zoom_high, like=input)
        return [matrix]


def _draw_shift(amount: Shift, size: int, *, like: Tensor) -> Tensor:
    """Shifts in pixels along a side of ``size`` pixels, (batch,)."""
    if not isinstance(amount, list) and amount < 1:
        return uniform(-amount, amount, like=like) * size
    amounts = amount if isinstance(amount, list) else [float(k) for k in range(int(amount))]
    chosen = torch.tensor(amounts, device=like.device)[whole(len(amounts), like=like)]
    signed = chosen * (2 * whole(2, like=like) - 1)
    return signed * size if isinstance(amount, list) and max(amounts) < 1 else signed


def _check_shift(name: str, amount: Shift) -> None:
    amounts = amount if isinstance(amount, list) else [amount]
    if not amounts:
        raise ValueError(f"{name} must hold an amount, got []; 0 switches it off")
    for value in amounts:
        check_range(name, value)
    if not isinstance(amount, list) and amount >= 1 and amount != int(amount):
        raise ValueError(
            f"{name} must be below 1 or a whole number of pixels, got {amount}; set it to {int(amount)}"
        )


def _zooms(zoom: float | list[float]) -> tuple[float, float]:
    low, high = (1 - zoom, 1 + zoom) if not isinstance(zoom, list) else (*zoom, 0.0, 0.0)[:2]
    if not 0 < low <= high < float("inf") or (isinstance(zoom, list) and len(zoom) != 2):
        raise ValueError(
            f"zoom_range must be in [0, 1) or two positive numbers that rise, got {zoom}; set [0.8, 1.2]"
        )
    return low, high
