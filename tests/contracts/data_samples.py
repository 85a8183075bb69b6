"""Small data sets in the published form of those that no test machine has: files made here stand in for the download.

Each maker fills a folder and gives what has to be changed in the configuration: facts that are smaller here, and the
checksum where the real one is known.
"""

import json

import numpy as np
from PIL import Image
from torchvision import datasets

import picture_samples
from podium.data.arrays import Source, content_hash, idx_bytes
from podium.data.digits import Digits
from podium.data.emoji import _read

KINDS = ("cat", "dog", "eel")
COLOURS, THINGS = ("red", "green", "blue", "grey", "pink", "brown"), tuple("abcdefghij")
SMALL = {"shape": [3, 16, 16], "num_classes": len(KINDS), "images": {"resize": 18}}


def enlarged_digits():
    """MNIST's shape, from the digits of scikit-learn."""
    digits = Digits.load(None)
    enlarged = (digits.inputs * 255).astype(np.uint8).repeat(3, axis=2).repeat(3, axis=3)
    return Source(np.pad(enlarged, ((0, 0), (0, 0), (2, 2), (2, 2))), digits.labels, test_start=1500)


def idx(kind):
    """Files in MNIST's format, where torchvision unpacks them."""

    def make(root, _):
        source = enlarged_digits()
        raw = root / kind / "raw"
        raw.mkdir(parents=True)
        for name, part in (("train", slice(source.test_start)), ("t10k", slice(source.test_start, None))):
            (raw / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(source.inputs[part, 0]))
            (raw / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(source.labels[part].astype(np.uint8)))
        return {"checksum": content_hash(source)}

    return make


def cifar(kind):
    """Pickles whose MD5 sums torchvision is told."""

    def make(root, monkeypatch):
        picture_samples.stand_in_cifar(root, kind, monkeypatch, train=40, test=10)
        return {}

    return make


def image_folder(root, _):
    """Three classes without a published split."""
    picture_samples.class_folders(root / "mine", dict.fromkeys(KINDS, 30))
    return SMALL | {"root": str(root / "mine")}


def imagenet(root, _):
    """Three synsets, 90 + 12 images."""
    picture_samples.imagenet(root, synsets=("n01", "n02", "n03"), train=30)
    return SMALL | {"split": {"validation": 0.1}}


def cats_vs_dogs(root, _):
    """Sixty photographs in one folder."""
    picture_samples.cats_vs_dogs(root, count=30)
    return SMALL | {"num_classes": 2}


def emoji(root, _):
    """324 pictures in 9 categories."""
    return {"checksum": content_hash(_read(picture_samples.emoji_archive(root)))}


def frames(root, _):
    """Sixty videos of five frames in two classes."""
    picture_samples.videos(root / "videos", count=30, frames=5)
    return SMALL | {"num_classes": 2, "shape": [3, 4, 8, 8], "root": str(root / "videos")}


def coco(root, _):
    """24 + 8 photographs with a box and a mask each."""
    base = root / "coco"
    (base / "annotations").mkdir(parents=True, exist_ok=True)
    for split, numbers in (("train2017", range(24)), ("val2017", range(24, 32))):
        images, annotations = [], []
        for number in numbers:
            picture_samples.write(base / split / f"{number}.jpg", picture_samples.picture(number))
            images.append({"id": number, "file_name": f"{number}.jpg", "width": 40, "height": 30})
            thing = {"id": number, "image_id": number, "category_id": 1 + number % 2, "bbox": [5, 5, 20, 15]}
            outline = [[5, 5, 25, 5, 25, 20, 5, 20]]
            annotations.append(thing | {"area": 300, "iscrowd": 0, "segmentation": outline})
        categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (base / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return {"shape": [3, 24, 24], "num_classes": 2}


def voc(root, _):
    """24 + 8 photographs with a box and a mask each."""
    base = root / "VOCdevkit" / "VOC2012"
    for kind in ("Main", "Segmentation"):
        for split, numbers in (("train", range(24)), ("val", range(24, 32))):
            lines = "".join(f"p{number}\n" for number in numbers)
            picture_samples.write(base / "ImageSets" / kind / f"{split}.txt", lines.encode())
    for number in range(32):
        picture_samples.write(base / "JPEGImages" / f"p{number}.jpg", picture_samples.picture(number))
        mask = Image.new("P", (40, 30))
        mask.putpalette([9, 9, 9] * 256)
        mask.paste(1 + number % 2, (5, 5, 25, 20))
        picture_samples.write(base / "SegmentationClass" / f"p{number}.png", mask)
        name = ("cat", "dog")[number % 2]
        box = "<xmin>6</xmin><ymin>6</ymin><xmax>25</xmax><ymax>20</ymax>"
        thing = f"<object><name>{name}</name><difficult>0</difficult><bndbox>{box}</bndbox></object>"
        size = "<size><width>40</width><height>30</height></size>"
        text = f"<annotation>{size}{thing}</annotation>".encode()
        picture_samples.write(base / "Annotations" / f"p{number}.xml", text)
    return {"shape": [3, 24, 24], "num_classes": 2, "files": {"class_names": ["cat", "dog"]}}


def text(root, _):
    """Two files of verse, of which one ends in the middle of a window."""
    words = ("the rain in spain", "stays mainly", "on the plain", "in hertford, hereford and hampshire")
    for name, lines in (("a.txt", 150), ("b.txt", 43)):
        verse = "".join(f"{words[number % 4]} {number}\n" for number in range(lines))
        (root / name).write_text(verse, encoding="utf-8")
    return {"shape": [20], "num_classes": 24}


def labelled_text(root, _):
    """Two classes of short texts, one file each, that share most words."""
    words = {"neg": ("dull", "tired", "flat"), "pos": ("bright", "warm", "true")}
    for kind, own in words.items():
        for number in range(24):
            text = f"a {own[number % 3]} film, number {number}, and {own[(number + 1) % 3]}"
            picture_samples.write(root / kind / f"{number}.txt", text.encode())
    return {"shape": [12], "num_classes": 2, "words": {"number": 20}}


def conll(root, _):
    """Eighteen documents of two sentences each, with entities of two types."""
    lines = []
    for number in range(18):
        lines += ["-DOCSTART- -X- O O", ""]
        for city in ("Paris", "New York"):
            first, *more = city.split()
            name = [f"{first} NNP B-LOC", *(f"{word} NNP I-LOC" for word in more)]
            lines += [f"Ann{number % 5} NNP B-PER", "saw VBD O", *name, f"{number} CD O", ""]
    (root / "train.txt").write_text("\n".join(lines), encoding="utf-8")
    return {"shape": [6], "num_classes": 5, "words": {"number": 12}}


def squad(root, _):
    """Twelve articles for training and four for testing, of a paragraph with two questions each."""
    for split, numbers in (("train", range(12)), ("dev", range(12, 16))):
        articles = []
        for number in numbers:
            context = f"Ann {number} lives in Rome. She has {number} dogs."
            asked = [("Where does she live?", "Rome"), ("What does Ann have?", f"{number} dogs")]
            questions = [
                {"question": text, "answers": [{"text": answer, "answer_start": context.rindex(answer)}]}
                for text, answer in asked
            ]
            articles.append(
                {"title": f"Ann {number}", "paragraphs": [{"context": context, "qas": questions}]}
            )
        (root / f"{split}-v1.1.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    return {"shape": [17], "num_classes": 12, "words": {"number": 20}}


def ucr(root, _):
    """Waves of three frequencies in two channels, 30 and 12 of them."""
    for split, count in (("TRAIN", 30), ("TEST", 12)):
        lines = ["@problemName Waves", "@timeStamps false", "@classLabel true a b c", "@data"]
        for number in range(count):
            wave = np.sin(np.arange(12) * (1 + number % 3) / 2 + number)
            rows = (",".join(f"{value:.3f}" for value in part) for part in (wave, wave**2))
            lines.append(":".join([*rows, "abc"[number % 3]]))
        picture_samples.write(root / f"Waves_{split}.ts", "\n".join(lines).encode())
    return {"shape": [2, 12], "num_classes": 3, "series": {"problem": "Waves"}}


def parallel_text(root, _):
    """A hundred and twenty pairs in one file, without an end behind the last line."""
    things = [
        f"{size} {colour} {thing}" for size in ("big", "small") for colour in COLOURS for thing in THINGS
    ]
    lines = [f"the {thing}\tel {' '.join(reversed(thing.split()))}" for thing in things]
    (root / "pairs.txt").write_text("\n".join(lines), encoding="utf-8")
    return {"root": str(root / "pairs.txt"), "shape": [6], "longest": 7, "num_classes": 20}


def skip_grams(root, _):
    """Three files of verse, of which one has no word."""
    for name, lines in (("a.txt", 90), ("b.txt", 43)):
        verse = "".join(f"The rain in Spain, number {number % 7}; stays mainly!\n" for number in range(lines))
        (root / name).write_text(verse, encoding="utf-8")
    (root / "c.txt").write_text("-- ?\n", encoding="utf-8")
    return {"words": {"number": 40}, "pairs": {"min_count": 1, "subsample": None}}


def movielens(root, _):
    """300 ratings of 15 items by 20 users, without a published split."""
    lines = [f"{user}\t{item}\t{1 + user * item % 5}\t0\n" for user in range(1, 21) for item in range(1, 16)]
    (root / "u.data").write_text("".join(lines), encoding="utf-8")
    return {"num_users": 22, "num_items": 17}


def with_ground(make):
    """The same with masks, where the ground is a class too."""
    return lambda root, monkeypatch: make(root, monkeypatch) | {"num_classes": 3}


SAMPLES = {
    "mnist": idx("MNIST"),
    "fashion_mnist": idx("FashionMNIST"),
    "cifar10": cifar(datasets.CIFAR10),
    "cifar100": cifar(datasets.CIFAR100),
    "image_folder": image_folder,
    "imagenet": imagenet,
    "cats_vs_dogs": cats_vs_dogs,
    "emoji": emoji,
    "frames": frames,
    "coco_detection": coco,
    "conll": conll,
    "coco_segmentation": with_ground(coco),
    "labelled_text": labelled_text,
    "parallel_text": parallel_text,
    "squad": squad,
    "skip_grams": skip_grams,
    "movielens": movielens,
    "text": text,
    "ucr": ucr,
    "voc_detection": voc,
    "voc_segmentation": with_ground(voc),
}

# What is replaced in a file where nothing may stand behind its end.
REPLACED = {"squad": (b"Rome", b"Bern")}

# What is added to a file for it to be another one, where a letter at its end would only damage it.
ADDED = {
    "movielens": b"1\t99\t5\t0\n",
    "conll": b"\nx O\n",
    "ucr": b"\n" + b":".join([b",".join([b"1"] * 12)] * 2) + b":a\n",
}
