"""One image file, read so that every network sees the same picture: 8 bits, upright, grey or colour, on white.

What has one proper reading is converted, and says so in a ``Note``; what has none is a ``BadImage``:

- converted: CMYK and other colours to RGB (without colour profiles), 16 bits to their upper 8, palettes to their
  colours, transparency to white, EXIF rotation to upright, and a format that the name does not say;
- bad: nothing in the file, no image, a truncated or damaged one, one with more pixels than Pillow's limit (a
  decompression bomb), several frames or pages, and 32-bit pixels, whose white is not agreed upon.

The check and the training read with the same function, so what was checked is what is trained on.
"""

import io
from collections.abc import Sequence
from enum import IntFlag

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from podium.data.errors import one_line

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")
SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
ORIENTATION = 0x0112  # the EXIF tag
PNG_END = b"IEND\xaeB`\x82"


class BadImage(ValueError):
    """A file that cannot be read as one image; the message says why."""


class Note(IntFlag):
    """What was converted in a file."""

    RECOLOURED = 1
    DEEP = 2
    PALETTE = 4
    TRANSPARENT = 8
    ROTATED = 16
    MISNAMED = 32


WORDS = {
    Note.RECOLOURED: "CMYK or other colours made RGB",
    Note.DEEP: "16 bits, the upper 8 kept",
    Note.PALETTE: "palette made RGB",
    Note.TRANSPARENT: "transparency put on white",
    Note.ROTATED: "turned as its EXIF says",
    Note.MISNAMED: "a format other than its name's",
}


def read_image(content: bytes, *, suffix: str) -> tuple[Image.Image, Note]:
    """The picture in a file's content, in mode L or RGB, and what was converted; ``suffix`` is that of its name.

    Raises:
        BadImage: it cannot be read as one image.
    """
    if not content:
        raise BadImage("empty file")
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_header(image)
        note = Note.DEEP if _is_deep(image) else Note(0)
        if image.format == "TIFF" and _is_turned(image):
            note |= Note.ROTATED  # Pillow turns these while it loads them
        image.load()
        if (
            image.format == "PNG" and PNG_END not in content
        ):  # Pillow is content without the checksum at the end
            raise BadImage("truncated: its end is missing")
        return _convert(image, note, suffix=suffix)
    except BadImage:
        raise
    except UnidentifiedImageError:
        raise BadImage(f"no image of {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError:
        raise BadImage(f"more than twice the {Image.MAX_IMAGE_PIXELS:,} pixels of Pillow's limit") from None
    except Exception as error:  # a damaged file makes Pillow's plug-ins raise anything, down to struct.error
        raise BadImage(f"damaged: {one_line(error)}") from None


def in_channels(image: Image.Image, channels: int) -> Image.Image:
    """The picture in grey (1 channel, ITU-R 601 luma) or in colour (3 channels)."""
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def words(note: Note) -> str:
    """What a note says, for people."""
    return "; ".join(WORDS[flag] for flag in Note if flag in note)


def _check_header(image: Image.Image) -> None:
    limit, pixels = Image.MAX_IMAGE_PIXELS, image.width * image.height
    if limit is not None and pixels > limit:
        raise BadImage(f"{image.width}x{image.height} pixels, more than Pillow's limit of {limit:,}")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # MPO is a JPEG with a preview or a second eye's view behind it
        raise BadImage(f"{frames} {'pages' if image.format == 'TIFF' else 'frames: animated'}")
    if image.mode in ("I", "F"):
        raise BadImage("32-bit pixels, whose white is not agreed upon")


def _is_deep(image: Image.Image) -> bool:
    """Whether channels have 16 bits. Pillow reads colour with the upper 8 of them; BMP's ;16 is 16 bits a pixel."""
    tiles: Sequence[object] = image.tile if isinstance(image, ImageFile.ImageFile) else []
    return image.format in ("PNG", "TIFF") and any(";16" in str(tile) for tile in tiles)


def _is_turned(image: Image.Image) -> bool:
    return image.getexif().get(ORIENTATION, 1) in range(2, 9)


def _convert(image: Image.Image, note: Note, *, suffix: str) -> tuple[Image.Image, Note]:
    named = SUFFIXES[suffix.lower()]
    if {"MPO": "JPEG"}.get(image.format or "", image.format) != named:
        note |= Note.MISNAMED
    if _is_turned(image):
        note |= Note.ROTATED
        image = ImageOps.exif_transpose(image)
    if image.mode in ("P", "PA"):
        note |= Note.PALETTE
    elif image.mode not in ("1", "L", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX") and Note.DEEP not in note:
        note |= Note.RECOLOURED
    if image.mode.startswith("I;16"):
        return _upper_byte(image, note)
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"), note)
    return image.convert("L" if image.mode in ("1", "L") else "RGB"), note


def _upper_byte(image: Image.Image, note: Note) -> tuple[Image.Image, Note]:
    values = np.asarray(image)
    grey = (values >> 8).astype(np.uint8)
    clear = image.info.get("transparency")
    if clear is not None and (values == clear).any():
        grey[values == clear] = 255
        note |= Note.TRANSPARENT
    return Image.fromarray(grey), note


def _on_white(image: Image.Image, note: Note) -> tuple[Image.Image, Note]:
    """In whole numbers of our own: checksums rest on them."""
    pixels = np.asarray(image)
    alpha = pixels[..., 3:].astype(np.uint32)
    if (alpha == 255).all():
        return image.convert("RGB"), note
    mixed = (pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return Image.fromarray(mixed.astype(np.uint8)), note | Note.TRANSPARENT
