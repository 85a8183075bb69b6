"""Image files brought to one size whatever their own, so that nothing is cut off and boxes need no more than scaling."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from podium.data.image_file import BadImage, in_channels, read_image
from podium.data.image_inputs import ImageInputs, Pixels


class StretchedInputs(ImageInputs):
    """Inputs as of ``ImageInputs``, each picture stretched to the height and width of the shape."""

    def _picture(self, file: int) -> Pixels:
        name = os.fsdecode(self.names[file])
        try:
            content = (Path(self.root) / name).read_bytes()
            image, _ = read_image(content, suffix=PurePosixPath(name).suffix)
        except (BadImage, OSError) as error:
            raise ValueError(
                f"{name} must be the image that was checked, got {error}; restore it or start again"
            ) from None
        coloured = in_channels(image, self.shape[1])
        shown = np.asarray(stretch(coloured, self.shape[1:], Image.Resampling.BILINEAR))
        return shown[None] if shown.ndim == 2 else shown.transpose(2, 0, 1)


def stretch(image: Image.Image, shape: Sequence[int], resampling: Image.Resampling) -> Image.Image:
    """The image in the height and width of a shape (channels, height, width)."""
    return image.resize((shape[2], shape[1]), resampling)
