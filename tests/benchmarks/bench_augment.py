"""Images a second of every augmentation, whole batches with draws for each image, against torchvision image by image.

A batch of 128 images of 32x32 in colour on one CPU thread. Torchvision draws once for a batch, so that to get draws
for each image it is called on each image.
"""

import statistics
import time
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torchvision.transforms import AutoAugmentPolicy, v2

from podium.run.assemble import compose
from podium.run.build import build_augmentations
from podium.run.conf import groups

Note = Callable[..., None]
BATCH, ROUNDS, ROUND_S = 128, 5, 0.25
THEIRS: dict[str, Callable[[], Callable[[Tensor], Tensor]]] = {
    "flip": v2.RandomHorizontalFlip,
    "crop": lambda: v2.RandomCrop(32, padding=4),
    "flip_crop": lambda: v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()]),
    "affine": lambda: v2.RandomAffine(
        10, translate=(0.1, 0.1), scale=(0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR
    ),
    "cats_and_dogs": lambda: v2.Compose(
        [
            v2.RandomAffine(
                40,
                translate=(0.2, 0.2),
                scale=(0.8, 1.2),
                shear=(-0.2, 0.2),
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.RandomHorizontalFlip(),
        ]
    ),
    "resized_crop": lambda: v2.RandomResizedCrop(32, antialias=False),
    "color_jitter": lambda: v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "rand_augment": v2.RandAugment,
    "trivial_augment": v2.TrivialAugmentWide,
    "auto_augment_cifar10": lambda: v2.AutoAugment(AutoAugmentPolicy.CIFAR10),
}


def per_second(change: Callable[[Tensor], object], images: Tensor) -> float:
    """Images a second over about a quarter of a second."""
    done, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < ROUND_S:
        change(images)
        done += len(images)
    return done / passed


def chained(changes: Sequence[Callable[[Tensor], Tensor]]) -> Callable[[Tensor], object]:
    """One after the other."""

    def change(images: Tensor) -> Tensor:
        for each in changes:
            images = each(images)
        return images

    return change


def one_by_one(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], object]:
    """On each image of a batch."""
    return lambda images: [change(image) for image in images]


@pytest.mark.timeout(900)
def test_whole_batches_are_faster_than_image_by_image(note: Note) -> None:
    torch.set_num_threads(1)
    images = torch.rand(BATCH, 3, 32, 32)
    print(f"\n{'augment':<24}{'images/s':>10}{'one by one':>12}{'ratio':>8}   (lowest to highest)")
    found = {}
    for name in sorted(set(groups()["augment"]) - {"none", "classic"}):
        config = compose([f"augment={name}", "data.shape=[3,32,32]"])
        ours = chained(build_augmentations(config, targets="classes"))
        ours(images)
        if name not in THEIRS:
            print(f"{name:<24}{statistics.median(per_second(ours, images) for _ in range(ROUNDS)):>10,.0f}")
            continue
        theirs = one_by_one(THEIRS[name]())
        # in pairs, so that a busy moment hits both
        pairs = [(per_second(ours, images), per_second(theirs, images)) for _ in range(ROUNDS)]
        whole, single = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = sorted(mine / other for mine, other in pairs)
        ratio = statistics.median(ratios)
        print(
            f"{name:<24}{whole:>10,.0f}{single:>12,.0f}{ratio:>8.1f}   ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )
        found[name] = ratio
    least, most = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    note(
        what=f"augmentations of whole batches of {BATCH} images 32x32",
        against="torchvision, image by image",
        measured=f"{found[least]:.1f}x ({least}) to {found[most]:.0f}x ({most})",
        must="1x each",
        goal="",
        met=found[least] >= 1,
    )
