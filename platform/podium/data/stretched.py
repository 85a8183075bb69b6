"""Image files brought to one size whatever their own, so that nothing is cut off and boxes need no more than scaling."""

from collections.abc import Sequence

from PIL import Image

from podium.data.image_inputs import ImageInputs, Pixels, pixels_of


class StretchedInputs(ImageInputs):
    """Inputs as of ``ImageInputs``, each picture stretched to the height and width of the shape."""

    def _picture(self, file: int) -> Pixels:
        whole = self.pictures.original(file, channels=self.shape[1])
        image = Image.fromarray(whole if self.shape[1] == 3 else whole[..., 0])
        return pixels_of(stretch(image, self.shape[1:], Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def stretch(image: Image.Image, shape: Sequence[int], resampling: Image.Resampling) -> Image.Image:
    """The image in the height and width of a shape (channels, height, width)."""
    return image.resize((shape[2], shape[1]), resampling)
