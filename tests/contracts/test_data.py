"""Every file of conf/data keeps these promises. A new file is picked up by its name."""

import hashlib
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from podium.data.arrays import Source, content_hash, idx_bytes
from podium.data.digits import Digits
from podium.records.record import DataPrint

CONF = Path(__file__).parents[2] / "conf"
NAMES = sorted(file.stem for file in (CONF / "data").glob("*.yaml"))
SPLITS = ("train", "validation", "test")

# The facts of what can be had on any machine, frozen: a change of any of them changes results that were published.
GOLDEN = {
    "digits": (
        {"train": 1222, "validation": 216, "test": 359},
        "a7b455a352e836131e4d6cb53f58ac67271f89f5420e3540934160da23372870",
        "96cfdf7d7277d92f1f34615abf0dbdd81cb5b2945d7187b029f14ab47c5cf669",
    ),
    "mnist5k": (
        {"train": 3600, "validation": 400, "test": 1000},
        "ff4462aeb177e711250f914c700679db63d6b7dd5d58b285ac34dd9782ab18f4",
        "bbdaed34ddb84891085b7279daa6e45d3336e5e8925f5fc218042c671c4f0e10",
    ),
    "mnist1d": (
        {"train": 3600, "validation": 400, "test": 1000},
        "66ffe25fb1a0bfb08abc14df987baa39532512c5e0afea5bd5ce8832c846ca25",
        "8de99be3ff9dab15ae0dc072c3d6ced7cf6b33d365888ce4a386fc944489452c",
    ),
}

# SHA-256 of the four files as published: training images and labels, test images and labels.
PUBLISHED = {
    "mnist": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion_mnist": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where data sets lie; those that a test machine cannot download are stood in for by enlarged digits."""
    folder = tmp_path_factory.mktemp("datasets")
    source = stand_in()
    for kind in TORCHVISION.values():
        raw = folder / kind / "raw"
        raw.mkdir(parents=True)
        for name, part in (("train", slice(source.test_start)), ("t10k", slice(source.test_start, None))):
            (raw / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(source.inputs[part, 0]))
            (raw / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(source.labels[part].astype(np.uint8)))
    return folder


def stand_in():
    digits = Digits.load(None)
    enlarged = (digits.inputs * 255).astype(np.uint8).repeat(3, axis=2).repeat(3, axis=3)
    return Source(np.pad(enlarged, ((0, 0), (0, 0), (2, 2), (2, 2))), digits.labels, test_start=1500)


def read(name):
    return OmegaConf.load(CONF / "data" / f"{name}.yaml")


@pytest.fixture
def build(root):
    def make(name, *, seed=0, **changes):
        whole = OmegaConf.create({"paths": {"data": str(root)}, "seed": seed, "data": read(name)})
        if name in TORCHVISION:
            whole.data.checksum = content_hash(stand_in())
        return instantiate(OmegaConf.merge(whole, {"data": changes}).data, _convert_="all")

    return make


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_complete_and_names_the_class_of_the_same_name(name):
    config = read(name)
    words = "".join(word.capitalize() for word in name.split("_"))
    assert config._target_ == f"podium.data.{name}.{words}"
    for block in (config, config.split, config.view):
        cls = get_class(block._target_)
        assert set(block) - {"_target_"} == set(inspect.signature(cls).parameters)
    assert get_class(config._target_).name == name


@pytest.mark.parametrize("name", NAMES)
def test_the_root_and_the_seed_come_from_the_run_and_the_split_has_a_seed_of_its_own(name):
    raw = OmegaConf.to_container(read(name), resolve=False)
    assert (raw["root"], raw["seed"]) == ("${paths.data}", "${seed}")
    assert raw["split"]["seed"] == 0
    assert raw["view"] == read("digits").view


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_in_exactly_one_split_with_all_classes_and_the_shape_promised(name, build):
    data = build(name)
    source = data.load()
    splits = [data.examples(split) for split in SPLITS]
    assert sorted(torch.cat([part.index for part in splits]).tolist()) == list(range(len(source.labels)))
    for part in splits:
        assert list(part.input.shape) == [len(part.target), *read(name).shape]
        assert (part.input.dtype, part.target.dtype) == (torch.float32, torch.int64)
        assert part.input.isfinite().all()
        assert torch.equal(part.target.unique(), torch.arange(read(name).num_classes))
        assert torch.equal(part.target, torch.from_numpy(source.labels)[part.index])


@pytest.mark.parametrize("name", NAMES)
def test_test_is_null_exactly_where_a_test_split_is_published(name, build):
    data = build(name)
    start = data.load().test_start
    assert (start is None) == (read(name).split.test is not None)
    if start is not None:
        assert data.examples("test").index.tolist() == list(range(start, len(data.load().labels)))
    with pytest.raises(ValueError, match=r"^test must be .*, got (0\.2|null); set .*$"):
        build(name, split={"test": None if start is None else 0.2}).examples("train")


@pytest.mark.parametrize("name", NAMES)
def test_two_builds_agree_to_the_bit_and_the_seed_moves_only_the_order_of_batches(name, build):
    first, again, other = build(name), build(name), build(name, seed=1)
    assert first.fingerprint() == again.fingerprint() == other.fingerprint()
    for ours, theirs in zip(first.train_dataloader(), again.train_dataloader(), strict=True):
        assert torch.equal(ours.input, theirs.input)
        assert torch.equal(ours.target, theirs.target)
    moved = next(iter(other.train_dataloader())).input
    assert not torch.equal(moved, next(iter(first.train_dataloader())).input)
    assert len(moved) == read(name).batch_size


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_content_split_and_test_labels_are_frozen(name, build):
    sizes, split, test_labels = GOLDEN[name]
    assert build(name).fingerprint() == DataPrint(name, read(name).checksum, split, sizes, test_labels)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_checksum_follows_from_the_files_as_published(name):
    lines = "".join(f"{line}\n" for line in PUBLISHED[name])
    assert read(name).checksum == hashlib.sha256(lines.encode()).hexdigest()


def test_every_data_set_is_frozen_in_one_way_or_the_other():
    assert sorted([*GOLDEN, *PUBLISHED]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_content_without_the_checksum_is_refused_in_one_line(name, build):
    with pytest.raises(
        ValueError, match=f"^{name} must have the checksum 0bad, got [0-9a-f]{{64}}; .+$"
    ) as error:
        build(name, checksum="0bad").examples("train")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_works_and_leaves_the_test_labels_alone(name, build):
    plain = build(name).examples("train")
    view = {"fraction": 0.5, "permute_seed": 3, "random_labels_seed": 3, "standardize": "pixel"}
    data = build(name, view=view)
    seen = data.examples("train")
    assert len(seen.target) == round(len(plain.target) * 0.5)
    assert seen.input.isfinite().all()
    assert seen.input.mean((0,)).abs().max() < 1e-4
    true = torch.from_numpy(data.load().labels)
    assert (seen.target == true[seen.index]).double().mean() < 0.2  # 0.1 by chance
    for split in ("validation", "test"):
        arrays = data.examples(split)
        assert torch.equal(arrays.target, true[arrays.index])
        assert torch.equal(arrays.index, build(name).examples(split).index)
