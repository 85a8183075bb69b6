"""Image files and data sets of them, made by the tests, in the forms in which they are published."""

import csv
import hashlib
import io
import json
import os
import pickle
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

EMOJI = "emoji-datasource-twitter-16.0.0.tgz"


def picture(seed=0, *, width=40, height=30):
    """Coloured noise on a slope, so that no two are alike and turning one shows."""
    draw = np.random.RandomState(seed)
    slope = np.linspace(0, 150, height)[:, None, None] + np.linspace(0, 50, width)[None, :, None]
    return Image.fromarray((slope + draw.randint(0, 56, (height, width, 3))).astype(np.uint8))


def encoded(image, kind="JPEG", **options):
    """The content of a file of this format."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width, height, *, values=b"", bits=8, color=2):
    """A PNG written without Pillow: 16 bits a channel, or a header that promises what is not there."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(values)) + chunk(b"IEND", b"")


def png16(values):
    """A PNG of 16 bits a channel, from (height, width, channels)."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(width, height, values=rows, bits=16, color={1: 0, 3: 2}[channels])


def write(path, content):
    """A file with this content, or this image in the format of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Image.Image):
        content.save(path)
    else:
        path.write_bytes(content)
    return path


def class_folders(root, counts, *, suffix=".jpg"):
    """Folders with as many pictures as asked for, none alike: {"train/cat": 5}."""
    seed = 0
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            write(root / folder / f"{number}{suffix}", picture(seed))
            seed += 1
    return root


def imagenet(root, *, synsets=("n01", "n02", "n03"), train=10, val=4, lists=None):
    """Images as ILSVRC packs them; ``lists`` is None (folders), kaggle or devkit (one flat folder and a list)."""
    base = root / "imagenet"
    class_folders(base / "train", dict.fromkeys(synsets, train), suffix=".JPEG")
    write(
        base / "LOC_synset_mapping.txt", "".join(f"{name} thing {name}, other\n" for name in synsets).encode()
    )
    if lists is None:
        for place, name in enumerate(synsets):
            for number in range(val):
                write(base / "val" / name / f"{number}.JPEG", picture(1000 + place * val + number))
        return base
    kinds = [synsets[number % len(synsets)] for number in range(val * len(synsets))]
    for number in range(len(kinds)):
        write(base / "val" / f"ILSVRC2012_val_{number + 1:08d}.JPEG", picture(1000 + number))
    if lists == "kaggle":
        with (base / "LOC_val_solution.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["ImageId", "PredictionString"])
            rows.writerows(
                [[f"ILSVRC2012_val_{k:08d}", f"{kind} 1 2 3 4"] for k, kind in enumerate(kinds, 1)][::-1]
            )
        return base
    from scipy.io import savemat

    numbers = {name: 10 - place for place, name in enumerate(synsets)}  # the kit's order is not ours
    table = np.zeros(len(synsets), dtype=[("ILSVRC2012_ID", object), ("WNID", object)])
    table["ILSVRC2012_ID"], table["WNID"] = list(numbers.values()), list(numbers)
    kit = base / "ILSVRC2012_devkit_t12" / "data"
    write(
        kit / "ILSVRC2012_validation_ground_truth.txt",
        "".join(f"{numbers[kind]}\n" for kind in kinds).encode(),
    )
    savemat(kit / "meta.mat", {"synsets": table})
    return base


def cats_vs_dogs(root, count=15):
    """Photographs as Kaggle packs them."""
    for number in range(2 * count):
        kind = ("cat", "dog")[number % 2]
        write(root / "cats_vs_dogs" / "train" / f"{kind}.{number // 2}.jpg", picture(number))
    return root / "cats_vs_dogs"


def videos(root, *, classes=("jump", "run"), count=15, frames=12):
    """Videos whose frames have one brightness each: the number of the frame times ten."""
    for kind in classes:
        for video in range(count):
            for frame in range(frames):
                level = (video, 10 * frame, 100 if kind == "run" else 0)
                write(root / kind / f"v{video}" / f"frame{frame}.png", Image.new("RGB", (12, 10), level))
    return root


def emoji_archive(root, *, categories=9, count=12):
    """An archive as npm packs it; every emoji has a lighter and a darker variant, nearly the same picture."""
    table, files = [], {}
    for number in range(categories * count):
        code = f"1F{number:03X}"
        emoji = {"image": f"{code.lower()}.png", "unified": code, "category": f"kind {number % categories}"}
        emoji["skin_variations"] = {
            tone: {"image": f"{code.lower()}-{tone.lower()}.png", "unified": f"{code}-{tone}"}
            for tone in ("1F3FB", "1F3FF")
        }
        table.append(emoji)
        for place, variant in enumerate([emoji, *emoji["skin_variations"].values()]):
            pixels = np.asarray(picture(number, width=64, height=64)).copy()
            pixels[:4] = 80 * place
            files[variant["image"]] = encoded(Image.fromarray(pixels).convert("RGBA"), "PNG")
    table.append({"image": "1f3fb.png", "unified": "1F3FB", "category": "Component"})
    files["1f3fb.png"] = encoded(picture(), "PNG")
    with tarfile.open(root / EMOJI, "w:gz", compresslevel=1) as tar:
        contents = {"emoji.json": json.dumps(table).encode()}
        contents |= {f"img/twitter/64/{name}": content for name, content in files.items()}
        for name, content in contents.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return root / EMOJI


def cifar(root, kind, *, train=40, test=10):
    """The pickles that torchvision reads, a fifth of ``train`` in each of CIFAR-10's; gives their new MD5 sums.

    ``kind`` is torchvision's class; ``train`` and ``test`` are pictures of each class.
    """
    hundred = kind.base_folder == "cifar-100-python"
    classes = [f"thing {number}" for number in range(100 if hundred else 10)]
    draw = np.random.RandomState(0)
    sums = {}

    def dump(name, content):
        sums[name] = hashlib.md5(
            write(root / kind.base_folder / name, pickle.dumps(content)).read_bytes()
        ).hexdigest()

    for files, each in ((kind.train_list, train // len(kind.train_list)), (kind.test_list, test)):
        for name, _ in files:
            labels = np.tile(np.arange(len(classes)), each).tolist()
            pixels = draw.randint(0, 256, (len(labels), 3072)).astype(np.uint8)
            dump(name, {"data": pixels, "fine_labels" if hundred else "labels": labels})
    dump(kind.meta["filename"], {kind.meta["key"]: classes})
    return sums


def stand_in_cifar(root, kind, monkeypatch, **sizes):
    """Files that torchvision takes for CIFAR, because it is told their MD5 sums."""
    sums = cifar(root, kind, **sizes)
    for name in ("train_list", "test_list"):
        monkeypatch.setattr(kind, name, [[file, sums[file]] for file, _ in getattr(kind, name)])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": sums[kind.meta["filename"]]})


def names(folder: Path):
    """All files below a folder, hidden ones too."""
    return sorted(os.path.relpath(file, folder) for file in folder.rglob("*") if file.is_file())
