"""A small data set of known numbers, and MNIST's file format written without the code under test."""

import gzip
import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from picture_samples import class_folders
from podium.data.arrays import Source, content_hash
from podium.data.base import DataModule
from podium.data.digits import Digits
from podium.data.split import Split
from podium.data.view import View


def make_source(examples=400, *, published=None, seed=3):
    """Two channels of 3x5 bytes in 4 unequal classes; the first pixel is always 7."""
    draw = np.random.RandomState(seed)
    inputs = draw.randint(0, 256, size=(examples, 2, 3, 5)).astype(np.uint8)
    inputs[:, :, 0, 0] = 7
    labels = np.minimum(draw.randint(0, 7, size=examples), 3).astype(np.int64)
    return Source(inputs, labels, published)


@pytest.fixture(name="make_source")
def make_source_fixture():
    return make_source


@pytest.fixture
def split():
    return Split(validation=0.25, test=0.2, folds=None, seed=0)


@pytest.fixture
def view():
    def make(**changes):
        plain = {"fraction": 1.0, "permute_seed": None, "random_labels_seed": None, "standardize": "none"}
        return View(**plain | changes)

    return make


@pytest.fixture
def small(view, split):
    """Build a module over a given source; facts fit unless changed."""

    def make(source=None, *, seen=None, **changes):
        source = source or make_source()

        class Small(DataModule):
            name = "small"
            remedy = "delete {root}/small"
            loads = 0

            def load(self):
                type(self).loads += 1
                return source

        facts = {
            "shape": [2, 3, 5],
            "num_classes": 4,
            "checksum": content_hash(source),
            "root": "somewhere",
            "seed": 0,
            "batch_size": 32,
            "split": split,
            "view": view(**(seen or {})),
        }
        return Small(**facts | changes)

    return make


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """The user's cache is out of sight."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user cache"))
    return tmp_path / "user cache"


@dataclass(frozen=True)
class Idx:
    """A folder of gzipped IDX files as a server offers them, and what is inside."""

    folder: Path
    inputs: np.ndarray
    labels: np.ndarray
    test_start: int

    def resources(self):
        """Names with MD5, as torchvision lists them."""
        return [
            (file.name, hashlib.md5(file.read_bytes()).hexdigest()) for file in sorted(self.folder.iterdir())
        ]

    def checksum(self):
        """The content's hash from the files alone: `sha256sum` of the four, then of the list."""
        names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]
        files = [gzip.decompress((self.folder / f"{name}-ubyte.gz").read_bytes()) for name in names]
        lines = "".join(hashlib.sha256(file).hexdigest() + "\n" for file in files)
        return hashlib.sha256(lines.encode()).hexdigest()

    def unpack(self, raw):
        """Put the files where torchvision reads them."""
        raw.mkdir(parents=True)
        for file in self.folder.iterdir():
            (raw / file.stem).write_bytes(gzip.decompress(file.read_bytes()))


@pytest.fixture(scope="session")
def idx(tmp_path_factory):
    """The digits of scikit-learn, enlarged to 28x28, as MNIST would publish them: 1,500 + 297."""
    folder = tmp_path_factory.mktemp("server")
    source = Digits.load(None)
    small_bytes = (source.inputs[:, 0] * 255).astype(np.uint8)
    images = np.pad(small_bytes.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    labels = source.labels.astype(np.uint8)
    for name, part in (("train", slice(0, 1500)), ("t10k", slice(1500, None))):
        pictures = images[part]
        header = struct.pack(">IIII", 0x803, *pictures.shape)
        write_gzip(folder / f"{name}-images-idx3-ubyte.gz", header + pictures.tobytes())
        header = struct.pack(">II", 0x801, len(pictures))
        write_gzip(folder / f"{name}-labels-idx1-ubyte.gz", header + labels[part].tobytes())
    return Idx(folder, images[:, None], source.labels, 1500)


def write_gzip(path, content):
    path.write_bytes(gzip.compress(content, compresslevel=1, mtime=0))


@pytest.fixture
def compose_data():
    """The module that conf/data/NAME.yaml describes, without the other groups."""

    def make(name, *, root, **changes):
        plain = OmegaConf.create({"paths": {"data": str(root)}, "seed": 0})
        plain.data = OmegaConf.load(Path(__file__).parents[2] / "conf" / "data" / f"{name}.yaml")
        OmegaConf.resolve(plain)
        return instantiate(OmegaConf.merge(plain.data, changes), _convert_="all")

    return make


@pytest.fixture
def build_folder(compose_data):
    """The module of a folder of images, brought to 16x20."""
    small = {"shape": [3, 16, 20], "batch_size": 8, "images": {"resize": 20}}

    def make(root, *, num_classes=2, **changes):
        return compose_data("image_folder", root=root, num_classes=num_classes, **small | changes)

    return make


@pytest.fixture
def photos(tmp_path):
    """A folder of twelve dogs and eighteen cats."""
    return class_folders(tmp_path / "root", {"dog": 12, "cat": 18})
