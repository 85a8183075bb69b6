import contextlib
import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from picture_samples import encoded, picture, png, png16
from podium.data.image_file import BadImage, Note, in_channels, read_image, words

PLAIN = {
    ".jpg": "JPEG",
    ".JPEG": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
OTHER = Image.fromarray(255 - np.asarray(picture()))


def read(content, suffix):
    image, note = read_image(content, suffix=suffix)
    return np.asarray(image).astype(int), note


@pytest.mark.parametrize(("suffix", "kind"), PLAIN.items())
def test_an_ordinary_image_is_read_as_pillow_reads_it_without_a_note(suffix, kind):
    content = encoded(picture(), kind)
    pixels, note = read(content, suffix)
    assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
    assert note == Note(0)
    assert words(note) == ""


def test_grey_and_colour_are_made_of_one_another():
    grey = picture().convert("L")
    assert read_image(encoded(grey, "PNG"), suffix=".png")[0].mode == "L"
    assert in_channels(grey, 3).getpixel((3, 3)) == (grey.getpixel((3, 3)),) * 3
    assert in_channels(picture(), 1).tobytes() == grey.tobytes()


def test_black_and_white_is_grey_of_0_and_255():
    pixels, note = read(encoded(picture().convert("1"), "PNG"), ".png")
    assert set(np.unique(pixels)) == {0, 255}
    assert note == Note(0)


def test_cmyk_becomes_rgb_and_is_noted():
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixels, note = read(encoded(red, "JPEG", quality=100), ".jpg")
    assert np.abs(pixels - (255, 0, 0)).max() < 5
    assert note == Note.RECOLOURED


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled_and_not_clipped(channels):
    values = np.random.RandomState(0).randint(0, 65536, (6, 5, channels))
    pixels, note = read(png16(values), ".png")
    assert np.array_equal(pixels.reshape(values.shape), values >> 8)
    assert note == Note.DEEP
    tiff = encoded(Image.fromarray(values[..., 0].astype(np.uint16)), "TIFF")
    assert np.array_equal(read(tiff, ".tif")[0], values[..., 0] >> 8)


def test_clipping_16_bits_would_be_noticed():
    """The control of the test above: what Pillow's own conversion makes of grey with 16 bits."""
    values = np.full((4, 4, 1), 1000)
    clipped = Image.open(io.BytesIO(png16(values))).convert("L")
    assert np.asarray(clipped).max() == 255
    assert read(png16(values), ".png")[0].max() == 1000 >> 8


def test_a_palette_gives_its_colours():
    few = picture().quantize(16)
    for kind, suffix in (("PNG", ".png"), ("GIF", ".gif")):
        pixels, note = read(encoded(few, kind), suffix)
        assert np.array_equal(pixels, np.asarray(few.convert("RGB")))
        assert note == Note.PALETTE


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_put_on_white_and_not_on_what_it_hides(mode):
    hidden = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    hidden.putpixel((0, 0), (10, 20, 30, 255))
    hidden.putpixel((1, 0), (0, 0, 0, 51))
    content = encoded(hidden.quantize(8) if mode == "PA" else hidden.convert(mode), "PNG")
    pixels, note = read(content, ".png")
    assert (pixels[2:] == 255).all()
    assert np.abs(pixels[0, 0] - ([18] * 3 if mode == "LA" else [10, 20, 30])).max() <= 1
    assert pixels[0, 1].tolist() == [204] * 3
    assert Note.TRANSPARENT in note
    assert (Note.PALETTE in note) == (mode == "PA")
    dropped = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert (dropped[2:] < 31).all()  # the usual conversion shows what should not be seen


def test_an_opaque_alpha_channel_is_nothing_to_note():
    pixels, note = read(encoded(picture().convert("RGBA"), "PNG"), ".png")
    assert np.array_equal(pixels, np.asarray(picture()))
    assert note == Note(0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_rotation_is_applied(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    content = encoded(picture(), kind, exif=exif, **options)
    suffix = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp"}[kind]
    pixels, note = read(content, suffix)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    assert pixels.shape[:2] == ((40, 30) if orientation > 4 else (30, 40))
    assert np.array_equal(pixels, upright)
    assert note == (Note.ROTATED if orientation > 1 else Note(0))


def test_an_orientation_that_does_not_exist_is_left_alone():
    exif = Image.Exif()
    exif[0x0112] = 90
    assert read(encoded(picture(), exif=exif), ".jpg")[1] == Note(0)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_make_an_image_bad():
    content = encoded(picture())
    broken = content[:2] + b"\xff\xe1\x00\x10Exif\x00\x00MM\x00*\x00\x00\x00\xff" + content[2:]
    assert np.array_equal(read(broken, ".jpg")[0], read(content, ".jpg")[0])


def test_a_format_that_the_name_does_not_say_is_noted():
    pixels, note = read(encoded(picture(), "PNG"), ".JPEG")
    assert np.array_equal(pixels, np.asarray(picture()))
    assert note == Note.MISNAMED


def test_a_jpeg_with_a_preview_behind_it_is_its_first_picture():
    two = encoded(picture(), "MPO", save_all=True, append_images=[OTHER], quality=100)
    pixels, note = read(two, ".jpg")
    assert np.abs(pixels - np.asarray(picture())).mean() < 20
    assert note == Note(0)


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [
        (b"", ".jpg", "empty file"),
        (b"a text with the name of a photograph", ".jpg", "no image of JPEG, PNG, .*"),
        (b"<svg></svg>", ".png", "no image of .*"),
        (encoded(picture())[:200], ".jpg", "damaged: .*|no image of .*"),
        (png(20000, 20000), ".png", "more than twice the 89,478,485 pixels of Pillow's limit"),
        (png(10000, 10000), ".png", "10000x10000 pixels, more than Pillow's limit of 89,478,485"),
        (encoded(picture().convert("F"), "TIFF"), ".tif", "32-bit pixels, whose white is not agreed upon"),
        (encoded(picture().convert("I"), "TIFF"), ".tif", "32-bit pixels, whose white is not agreed upon"),
        (encoded(picture(), "TIFF", save_all=True, append_images=[OTHER]), ".tif", "2 pages"),
        *[
            (encoded(picture(), kind, save_all=True, append_images=[OTHER]), suffix, "2 frames: animated")
            for kind, suffix in (("GIF", ".gif"), ("PNG", ".png"), ("WEBP", ".webp"))
        ],
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_cannot_be_one_image_is_bad_and_says_why(content, suffix, message):
    with pytest.raises(BadImage, match=f"^({message})$") as error:
        read_image(content, suffix=suffix)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9, -20, -4, -1])
@pytest.mark.parametrize(("suffix", "kind"), [*PLAIN.items(), (".gif", "GIF"), (".jpg", "progressive")])
def test_truncated_files_are_bad_wherever_they_end(suffix, kind, kept):
    image = picture(width=200, height=150)
    content = encoded(image, "JPEG", progressive=True) if kind == "progressive" else encoded(image, kind)
    if kind == "GIF" and kept in (-1, -4):
        kept = -10  # its last bytes hold nothing of the picture
    read_image(content, suffix=suffix)
    with pytest.raises(BadImage):
        read_image(content[: int(len(content) * kept) if kept > 0 else kept], suffix=suffix)


def test_opening_alone_does_not_find_truncation():
    """Why files are decoded wholly: their first half has all that Image.open looks at."""
    content = encoded(picture(width=200, height=150))
    assert Image.open(io.BytesIO(content[: len(content) // 2])).size == (200, 150)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_bytes_turned_over_give_an_image_or_a_bad_one_and_nothing_else():
    draw = np.random.RandomState(1)
    for kind, suffix in (
        ("JPEG", ".jpg"),
        ("PNG", ".png"),
        ("GIF", ".gif"),
        ("TIFF", ".tif"),
        ("WEBP", ".webp"),
    ):
        content = encoded(picture(), kind)
        for _ in range(60):
            spoilt = bytearray(content)
            spoilt[draw.randint(len(spoilt))] ^= 1 << draw.randint(8)
            with contextlib.suppress(BadImage):
                assert read_image(bytes(spoilt), suffix=suffix)[0].mode in ("L", "RGB")
