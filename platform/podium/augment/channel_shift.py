"""Channel shift of the classic image generator (Chollet and others 2015, https://keras.io/api/data_loading/image/).

    x <- clip(x + d, min x, max x),   d ~ U(-range, range) for each image, the same in all of its channels

Differs from Keras: values are 0 to 1 and not 0 to 255, so 0.1 here is 25.5 there.
"""

from torch import Tensor

from podium.augment.draws import check_range, per_image, uniform
from podium.contracts import Augmentation


class ChannelShift(Augmentation):
    """Makes each image lighter or darker by one amount, within its own range of values; a ``range`` of 0 is neutral.

    Raises:
        ValueError: ``range`` is negative or not finite.
    """

    moves = False

    def __init__(self, *, range: float) -> None:
        check_range("range", range)
        self.range = range

    def __call__(self, input: Tensor) -> Tensor:
        """The images, each with its amount added."""
        if self.range == 0:
            return input
        low, high = input.amin((1, 2, 3), keepdim=True), input.amax((1, 2, 3), keepdim=True)
        return (input + per_image(uniform(-self.range, self.range, like=input))).clamp(low, high)
