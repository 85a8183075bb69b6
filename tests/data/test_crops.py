"""Training pictures that are cut from the whole while they are read."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from picture_samples import class_folders, picture, write
from podium.augment.color_jitter import ColorJitter
from podium.augment.crop import Crop
from podium.augment.flip import Flip
from podium.augment.resized_crop import ResizedCrop
from podium.data import crops as module
from podium.data.crops import Crops
from podium.data.loader import BatchLoader

RESIZED = ResizedCrop(scale=[0.08, 1.0], ratio=[0.75, 4 / 3])
FLIP = Flip(horizontal_p=0.5, vertical_p=0.0)
SHAPE = (3, 24, 32)
pytestmark = pytest.mark.usefixtures("cache")


def photo(number=0, *, width=120, height=90):
    """A picture with more in its low frequencies than in its high ones, as photographs have."""
    draw = np.random.RandomState(number)
    small = Image.fromarray(draw.randint(0, 256, (9, 12, 3)).astype(np.uint8)).resize((width, height))
    noise = draw.randint(-12, 13, (height, width, 3))
    return np.clip(np.asarray(small) + noise, 0, 255).astype(np.uint8)


def cut_all(crops, picture, *, draws, shape=SHAPE):
    """So many crops of one picture (height, width, channels), and what was drawn."""
    sizes = np.tile(np.array(picture.shape[1::-1], dtype=np.int32), (draws, 1))
    cuts = crops.draw(np.arange(draws), sizes, epoch=0, shape=(draws, *shape))
    found = np.empty((draws, *shape), dtype=np.uint8)
    for out, box, mirrored in zip(found, cuts.box.tolist(), cuts.mirrored.tolist(), strict=True):
        crops.cut(picture, box, mirrored, out)
    return found, cuts


def difference(found, boxes, picture, *, antialias):
    """Levels of 255 between crops and torchvision's of the same boxes: the most, and the mean."""
    image = Image.fromarray(picture) if antialias else torch.from_numpy(picture).permute(2, 0, 1)
    apart = []
    for pixels, box in zip(found, boxes.tolist(), strict=True):
        theirs = tv.resized_crop(image, *box, size=list(SHAPE[1:]), antialias=antialias)
        theirs = tv.pil_to_tensor(theirs) if antialias else theirs
        apart.append((torch.from_numpy(pixels).int() - theirs.int()).abs())
    levels = torch.stack(apart)
    return int(levels.max()), float(levels.double().mean())


@pytest.mark.parametrize("scale", [[0.05, 1.0], [0.4, 1.0], [0.01, 0.02]], ids=str)
def test_random_crops_are_those_of_torchvision_and_pillow_within_two_levels(scale):
    pixels = photo()
    crops = Crops([ResizedCrop(scale=scale, ratio=[0.75, 4 / 3])], resize=90, seed=0)
    found, cuts = cut_all(crops, pixels, draws=200)
    most, mean = difference(found, cuts.box, pixels, antialias=True)
    assert most <= 2
    assert mean < 0.1


def test_crops_without_antialiasing_would_be_noticed():
    pixels = photo()
    found, cuts = cut_all(Crops([RESIZED], resize=90, seed=0), pixels, draws=50)
    most, mean = difference(found, cuts.box, pixels, antialias=False)
    assert most > 10
    assert mean > 1


@pytest.mark.parametrize(("horizontal_p", "vertical_p"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize(
    "first",
    [RESIZED, Crop(padding=5, fill_mode="reflect", cval=0.0), None],
    ids=["resized_crop", "crop", "none"],
)
def test_a_flip_mirrors_what_was_cut(first, horizontal_p, vertical_p):
    flip = Flip(horizontal_p=horizontal_p, vertical_p=vertical_p)
    axes = [axis for p, axis in ((horizontal_p, -1), (vertical_p, -2)) if p]
    pixels = photo()
    flipped, _ = cut_all(Crops([*([first] if first else []), flip], resize=90, seed=0), pixels, draws=5)
    never = Flip(horizontal_p=0.0, vertical_p=0.0)
    plain, _ = cut_all(Crops([first] if first else [never], resize=90, seed=0), pixels, draws=5)
    assert np.array_equal(flipped, np.flip(plain, axes))


def test_half_of_the_pictures_are_mirrored_and_not_always_the_same():
    crops = Crops([RESIZED, FLIP], resize=90, seed=0)
    sizes = np.full((2000, 2), 90, dtype=np.int32)
    first, second = (
        crops.draw(np.arange(2000), sizes, epoch=epoch, shape=(2000, *SHAPE)) for epoch in (0, 1)
    )
    assert 0.46 < first.mirrored[:, 0].mean() < 0.54
    assert not first.mirrored[:, 1].any()
    assert 0.45 < (first.mirrored[:, 0] == second.mirrored[:, 0]).mean() < 0.55


@pytest.mark.parametrize(
    ("fill_mode", "numpys"),
    [("constant", "constant"), ("nearest", "edge"), ("reflect", "symmetric"), ("wrap", "wrap")],
)
def test_a_window_is_cut_from_the_padded_picture_at_any_place(fill_mode, numpys):
    pixels = photo(width=40, height=26)
    found, cuts = cut_all(
        Crops([Crop(padding=6, fill_mode=fill_mode, cval=0.2)], resize=26, seed=0), pixels, draws=300
    )
    options = {"constant_values": 51} if numpys == "constant" else {}
    padded = np.pad(pixels, ((6, 6), (6, 6), (0, 0)), numpys, **options)
    for window, (top, left, high, wide) in zip(found, cuts.box.tolist(), strict=True):
        expected = padded[top + 6 : top + 6 + high, left + 6 : left + 6 + wide]
        assert np.array_equal(window.transpose(1, 2, 0), expected)
    top, left = cuts.box[:, 0], cuts.box[:, 1]
    assert (top.min(), top.max(), left.min(), left.max()) == (-6, 8, -6, 14)


def test_a_flip_alone_mirrors_the_centre():
    pixels = photo()
    found, _ = cut_all(Crops([Flip(horizontal_p=1.0, vertical_p=0.0)], resize=90, seed=0), pixels, draws=1)
    centre = pixels[33:57, 44:76]
    assert np.array_equal(found[0].transpose(1, 2, 0), centre[:, ::-1])


def test_draws_are_the_same_for_good():
    drawn = module._uniform(7, 3, np.array([5, 2**40]))
    assert drawn.shape == (2, module.DRAWS)
    assert drawn[:, :3].tolist() == FROZEN


FROZEN = [
    [0.003987821878897235, 0.9270726945984799, 0.3148842765242774],
    [0.11580813007509727, 0.9979342182303951, 0.13850114848883233],
]


@pytest.mark.parametrize(
    ("augmentations", "resize", "message"),
    [
        ([], 90, r"needs resized_crop, crop or flip as the first of augment, got none; set augment=.*"),
        (
            [ColorJitter(brightness=0.1, contrast=0, saturation=0, hue=0), RESIZED],
            90,
            ".* got ColorJitter; .*",
        ),
        (
            [FLIP],
            None,
            r"must be resized where augment has no resized_crop, got original; set data.images.crops=resized",
        ),
    ],
)
def test_what_cannot_be_done_while_reading_is_refused(augmentations, resize, message):
    with pytest.raises(ValueError, match=f"^images.crops {message}$") as error:
        Crops(augmentations, resize=resize, seed=0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("augmentations", "taken"),
    [
        ([RESIZED, FLIP, ColorJitter(brightness=0.1, contrast=0, saturation=0, hue=0)], 2),
        ([FLIP, RESIZED], 2),
        ([RESIZED, Crop(padding=1, fill_mode="constant", cval=0.0)], 1),
        ([FLIP, FLIP], 1),
    ],
)
def test_the_first_augmentations_are_taken_over_each_kind_once(augmentations, taken):
    assert Crops(augmentations, resize=90, seed=0).count == taken


@pytest.fixture
def build(compose_data, tmp_path):
    """Pictures of several sizes in two classes, cut in epochs; with so many reading threads."""
    root = class_folders(tmp_path / "root", {"dog": 12, "cat": 18})
    for number in range(5):
        write(root / "cat" / f"wide{number}.png", picture(number, width=90 - number, height=31 + number))

    def make(*augmentations, crops="resized", threads=1, seed=0, **images):
        data = compose_data(
            "image_folder",
            root=root,
            num_classes=2,
            shape=[3, 16, 20],
            batch_size=8,
            seed=seed,
            images={"resize": 28, "crops": crops, **images},
        )
        assert data.take_over(augmentations or [RESIZED, FLIP]) == []
        data.training(plain=True).lazy.inputs.threads = threads
        return data

    return make


def inputs(data, *, epoch=0, seed=0, batch_size=8, share=(0, 1), resume=None):
    loader = BatchLoader(data.training(plain=True), batch_size=batch_size, seed=seed, shuffle=True)
    loader.set_epoch(epoch)
    loader.take_share(share[0], of=share[1])
    if resume is not None:
        loader.resume_at(epoch=epoch, batch=resume)
    return [batch.input for batch in loader]


@pytest.mark.parametrize("crops", ["resized", "original"])
@pytest.mark.parametrize("threads", [2, 5])
def test_what_is_cut_does_not_depend_on_threads_and_batches(build, crops, threads):
    one, other = build(crops=crops), build(crops=crops, threads=threads)
    assert torch.equal(torch.cat(inputs(one)), torch.cat(inputs(other)))
    rows = torch.arange(9)
    alone = torch.cat([one.training(plain=True).batch(row[None]).input for row in rows])
    assert torch.equal(alone, other.training(plain=True).batch(rows).input)


def test_each_epoch_and_each_seed_cuts_elsewhere_and_going_back_cuts_the_same(build):
    rows = torch.arange(20)

    def cut(seed, epoch):
        return build(seed=seed).training(plain=True).at(epoch).batch(rows).input

    assert torch.equal(cut(0, 3), cut(0, 3))
    for other in (cut(0, 4), cut(1, 3)):
        assert (cut(0, 3) != other).flatten(1).any(1).all()


def test_an_epoch_that_is_resumed_in_its_middle_goes_on_with_the_same_crops(build):
    whole, rest = inputs(build(), epoch=2), inputs(build(), epoch=2, resume=1)
    assert len(rest) == len(whole) - 1
    assert all(torch.equal(one, other) for one, other in zip(whole[1:], rest, strict=True))


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_see_each_example_once_and_cut_as_one_worker_would(build, workers):
    data = build()
    whole = inputs(data, epoch=1)
    shares = [inputs(data, epoch=1, share=(worker, workers)) for worker in range(workers)]
    for number, batch in enumerate(whole):
        together = torch.empty_like(batch)
        for worker in range(workers):
            together[worker::workers] = shares[worker][number]
        assert torch.equal(together, batch)
    assert len(torch.unique(torch.cat(whole).flatten(1), dim=0)) == len(data.training(plain=True))


def test_validation_test_and_what_looks_at_training_examples_see_their_centres(build, compose_data):
    cut, plain = build(), build()
    plain._crops = None
    for split in ("train", "validation", "test"):
        ours, theirs = (data.examples(split).batch(slice(None)).input for data in (cut, plain))
        assert torch.equal(ours, theirs)
    ours, theirs = (data.training(plain=False).batch(slice(None)).input for data in (cut, plain))
    assert not torch.equal(ours, theirs)


def test_a_network_sees_what_was_cut_as_the_view_has_it(build):
    data = build(crops="original")
    training = data.training(plain=False)
    expected = data.finish(training.pixels(slice(0, 4)).float() / 255)
    assert torch.equal(training.batch(slice(0, 4)).input, expected)
