"""Images a second of the input pipeline on one core, against torchvision's ImageFolder with Pillow.

Several hundred JPEG files of 500x375 at quality 90, cut from the two photographs that scikit-learn ships, some mirrored, all
of other brightness and contrast: spectra of photographs, some 55 kB a file (those of ImageNet have twice as much, so that
there decoding weighs more). Both sides take the same pictures in the same random order into batches of 32, with warm files:

    random crop   RandomResizedCrop(224), scale 0.08 to 1, antialiased, then a flip
    crop          RandomCrop(224, padding=16) of the picture with its shorter side at 256, then a flip; theirs resizes first

from a pack of pixels (shorter side 256), from the files, and from a pack of the files. Once in bytes, as they can go to a
device, against PILToTensor, and once as float32 from 0 to 1, as a network sees them, against ToTensor.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchvision.transforms import v2

from podium.augment.crop import Crop
from podium.augment.flip import Flip
from podium.augment.resized_crop import ResizedCrop
from podium.data.crops import Cropped
from podium.data.image_folder import ImageFolder
from podium.run.assemble import compose
from podium.run.build import make
from podium.run.data_command import pack

PICTURES, BATCH, ROUNDS = 400, 32, 7
FLIP = Flip(horizontal_p=0.5, vertical_p=0.0)
OURS = {
    "random crop": [ResizedCrop(scale=[0.08, 1.0], ratio=[3 / 4, 4 / 3]), FLIP],
    "crop": [Crop(padding=16, fill_mode="constant", cval=0.0), FLIP],
}
THEIRS = {
    "random crop": [v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()],
    "crop": [v2.Resize(256, antialias=True), v2.RandomCrop(224, padding=16), v2.RandomHorizontalFlip()],
}
Note = Callable[..., None]
ROWS = [  # what is cut, from where, the least and the goal
    ("random crop", "packed pixels", 4.0, 6.0),
    ("random crop", "files", 1.3, 1.8),
    ("random crop", "packed files", 1.3, 1.8),
    ("crop", "packed pixels", 10.0, 15.0),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures in two classes, and both packs of them."""
    folder: Path = tmp_path_factory.mktemp("input")
    draw = np.random.RandomState(0)
    photographs = load_sample_images().images
    for number in range(PICTURES):
        whole = photographs[number % 2]
        top, left = draw.randint(0, whole.shape[0] - 374), draw.randint(0, whole.shape[1] - 499)
        part = whole[top : top + 375, left : left + 500][:, :: draw.choice([-1, 1])] / 255
        part = np.clip(draw.uniform(0.7, 1.2) * part ** draw.uniform(0.7, 1.4), 0, 1)
        path = folder / "pictures" / str(number % 2) / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * part).round().astype(np.uint8)).save(path, quality=90)
    pack(data(folder), folder / "pixels", keep="pixels")
    pack(data(folder), folder / "files", keep="files")
    return folder


def data(folder: Path, *words: str) -> ImageFolder:
    paths = [f"data.root={folder / 'pictures'}", f"data.batch_size={BATCH}", "data.images.in_memory=never"]
    found = make(compose(["data=image_folder", *paths, *words])["data"], "data")
    assert isinstance(found, ImageFolder)
    return found


def ours(folder: Path, kind: str, source: str, *, plain: bool) -> Callable[[Tensor], object]:
    """A function that reads and augments these examples."""
    words = ["data.images.crops=resized" if source == "packed pixels" else "data.images.crops=original"]
    if source != "files":
        words.append(f"data.images.packed={folder / source.removeprefix('packed ')}")
    built = data(folder, *words)
    assert built.take_over(OURS[kind]) == []
    examples = built.training(plain=True)
    assert isinstance(examples, Cropped)
    examples.lazy.inputs.threads = 1  # type: ignore[attr-defined]  # a core
    return examples.batch if plain else examples.pixels


def theirs(folder: Path, kind: str, rows: Tensor, *, plain: bool) -> Callable[[Tensor], object]:
    """The same of the same pictures: ``rows`` are where ours are in the folder."""
    last = torchvision.transforms.ToTensor() if plain else v2.PILToTensor()
    change = v2.Compose([*THEIRS[kind], last])
    found = torchvision.datasets.ImageFolder(str(folder / "pictures"), change, allow_empty=True)  # .podium is
    return lambda chosen: torch.stack([found[row][0] for row in rows[chosen].tolist()])


def per_second(read: Callable[[Tensor], object], order: Tensor) -> float:
    """Images a second of processor time: what others do on the machine counts less."""
    began = time.process_time()
    for chosen in order.split(BATCH):
        read(chosen)
    return len(order) / (time.process_time() - began)


def lines(folder: Path, *, plain: bool) -> Iterator[dict[str, object]]:
    """Each row for the table; what is measured is printed."""
    rows = data(folder).training(plain=True).index
    for kind, source, least, goal in ROWS:
        sides = ours(folder, kind, source, plain=plain), theirs(folder, kind, rows, plain=plain)
        orders = [torch.randperm(len(rows))[: 4 * BATCH] for _ in range(ROUNDS + 1)]
        first = per_second(sides[0], torch.arange(len(rows)))  # compares checksums, and warms both up
        sides[1](orders[0][:BATCH])
        pairs = [
            tuple(per_second(side, order) for side in sides) for order in orders[1:]
        ]  # busy moments hit both
        mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = sorted(one / two for one, two in pairs)
        ratio = statistics.median(ratios)
        name = f"{kind}, {source}, {'float32' if plain else 'bytes'}"
        print(
            f"{name:<40}{first:>9,.0f}{mine:>9,.0f}{other:>9,.0f}{ratio:>7.1f}  ({ratios[0]:.1f} to {ratios[-1]:.1f})"
            f"  must {least}, goal {goal}",
            flush=True,
        )
        yield {
            "what": f"training pictures a second of one core: {name}",
            "against": "torchvision ImageFolder + PIL",
            "measured": f"{ratio:.1f}x ({ratios[0]:.1f} to {ratios[-1]:.1f})",
            "must": f"{least}x",
            "goal": f"{goal}x",
            "met": ratio >= least,
        }


@pytest.mark.timeout(900)
def test_packed_pictures_are_read_faster_than_by_torchvision(root: Path, note: Note) -> None:
    torch.set_num_threads(1)
    size = np.mean([path.stat().st_size for path in (root / "pictures").rglob("*.jpg")])
    print(
        f"\n{PICTURES} files of {size / 1e3:.0f} kB; images a second of one core's time, median of {ROUNDS}"
    )
    print(f"{'':<40}{'1st time':>9}{'ours':>9}{'theirs':>9}{'ratio':>7}  (lowest to highest)")
    for plain in (False, True):
        for line in lines(root, plain=plain):
            note(**line)
