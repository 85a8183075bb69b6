import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from picture_samples import encoded, picture, write
from podium.data import image_inputs
from podium.data.image_inputs import FilePictures, ImageInputs, fit


def pictures(root, names):
    none = np.zeros(len(names), dtype=np.bool_)
    return FilePictures(root, names, extent=np.zeros((len(names), 2), np.int32), plain=none)


@pytest.fixture
def make(tmp_path):
    """Inputs of twelve images of different sizes."""
    for number in range(12):
        write(tmp_path / f"{number:02d}.png", picture(number, width=30 + 3 * number, height=50 - 2 * number))
    names = [f"{number:02d}.png".encode() for number in range(12)]

    def inputs(files=None, **changes):
        options = {"shape": [3, 20, 24], "resize": 25, "kept": False, "threads": 1}
        return ImageInputs(
            pictures(tmp_path, names), np.arange(12) if files is None else files, **options | changes
        )

    return inputs


def test_pixels_are_those_of_torchvision(make):
    inputs = make()
    reference = v2.Compose([v2.Resize(25, antialias=True), v2.CenterCrop((20, 24))])
    for row, pixels in enumerate(inputs[np.arange(12)]):
        image = reference(picture(row, width=30 + 3 * row, height=50 - 2 * row))
        assert np.array_equal(pixels.transpose(1, 2, 0), np.asarray(image))


def test_resizing_and_cropping_agree_with_torchvision_at_any_size():
    draw = np.random.RandomState(0)
    for _ in range(100):
        width, height = (int(size) for size in draw.randint(10, 150, 2))
        resize = int(draw.randint(8, 90))
        side = int(draw.randint(4, resize + 1))
        image = Image.fromarray(draw.randint(0, 256, (height, width, 3)).astype(np.uint8))
        ours = fit(image, height=side, width=side, resize=resize)
        theirs = v2.CenterCrop(side)(v2.Resize(resize, antialias=True)(image))
        assert np.array_equal(np.asarray(ours), np.asarray(theirs)), (width, height, resize, side)


def test_resizing_without_antialiasing_would_be_noticed():
    image = picture(width=200, height=200)
    ours = torch.from_numpy(np.asarray(fit(image, height=20, width=20, resize=20)).copy())
    rough = v2.Resize(20, antialias=False)(v2.functional.pil_to_tensor(image)).permute(1, 2, 0)
    assert (ours.int() - rough.int()).abs().max() > 10


def test_a_very_long_image_is_cut_before_it_is_resized():
    image = Image.new("RGB", (60_000, 2), (0, 0, 255))
    image.paste((255, 0, 0), (29_900, 0, 30_100, 2))
    assert np.asarray(fit(image, height=200, width=200, resize=256))[..., 0].min() == 255


def test_shape_type_and_length_are_known_without_reading(make):
    inputs = make(np.array([3, 1]))
    assert (inputs.shape, inputs.dtype, len(inputs)) == ((2, 3, 20, 24), np.uint8, 2)
    found = inputs[np.array([1, 0, 1])]
    assert (found.shape, found.dtype) == ((3, 3, 20, 24), np.uint8)
    assert np.array_equal(found, make()[np.array([1, 3, 1])])


def test_one_channel_is_grey(make):
    grey = make(shape=[1, 25, 25])[np.array([2])]
    image = fit(picture(2, width=36, height=46).convert("L"), height=25, width=25, resize=25)
    assert np.array_equal(grey[0, 0], np.asarray(image))


@pytest.mark.parametrize("kept", [True, False])
def test_order_and_pixels_do_not_depend_on_the_number_of_threads(make, kept):
    rows = np.array([5, 0, 11, 5, 3, 8, 1])
    plain = make()[rows]
    for threads in (1, 2, 7):
        inputs = make(threads=threads, kept=kept)
        with ThreadPoolExecutor(4) as pool:  # as batches are read ahead
            for found in pool.map(inputs.__getitem__, [rows] * 8):
                assert np.array_equal(found, plain)


def test_what_is_kept_is_decoded_once(make, monkeypatch):
    decoded = []
    honest = image_inputs.read_image
    monkeypatch.setattr(image_inputs, "read_image", lambda *a, **k: decoded.append(1) or honest(*a, **k))
    kept, read = make(kept=True), make()
    for _ in range(3):
        assert np.array_equal(kept[np.array([1, 2, 1])], kept[np.array([1, 2, 1])])
    assert len(decoded) == 2
    for _ in range(3):
        read[np.array([1, 2])]
    assert len(decoded) == 8


def test_several_files_make_one_example(make):
    files = np.array([[0, 1, 2], [9, 9, 3]])
    inputs = make(files, shape=[3, 3, 20, 20], threads=3)
    single = make(shape=[3, 20, 20])
    assert inputs.shape == (2, 3, 3, 20, 20)
    found = inputs[np.array([1, 0])]
    for place, row in enumerate((1, 0)):
        for frame in range(3):
            assert np.array_equal(found[place, :, frame], single[files[row, frame : frame + 1]][0])


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("change", ["gone", "spoilt"])
def test_a_file_that_changed_after_the_check_is_named_in_one_line(make, tmp_path, threads, change):
    inputs = make(threads=threads)
    if change == "gone":
        (tmp_path / "03.png").unlink()
    else:
        (tmp_path / "03.png").write_bytes(encoded(picture())[:99])
    with pytest.raises(
        ValueError, match=r"^03.png must be the image that was checked, got .*; restore it .*$"
    ) as error:
        inputs[np.arange(5)]
    assert "\n" not in str(error.value)


def test_names_are_bytes_of_the_file_system(tmp_path):
    write(tmp_path / os.fsdecode(b"caf\xe9.jpg"), encoded(picture()))
    options = {"shape": [3, 10, 10], "resize": 10, "kept": False, "threads": 1}
    inputs = ImageInputs(pictures(tmp_path, [b"caf\xe9.jpg"]), np.arange(1), **options)
    assert inputs[np.array([0])].any()
