"""Every file of conf/data is complete, and makes a module that keeps these promises. A new file is picked up by its name."""

import inspect

import pytest
import torch
from data_cases import NAMES, read
from hydra.utils import get_class
from omegaconf import OmegaConf

SPLITS = ("train", "validation", "test")


def whole(data, split):
    return data.examples(split).batch(slice(None))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_complete_and_names_the_class_of_the_same_name(name):
    config = read(name)
    words = "".join(word.capitalize() for word in name.split("_"))
    assert config._target_ == f"podium.data.{name}.{words}"
    blocks = [
        value for value in OmegaConf.to_container(config, resolve=False).values() if isinstance(value, dict)
    ]
    for block in (dict.fromkeys(config) | {"_target_": config._target_}, *blocks):
        cls = get_class(block["_target_"])
        assert set(block) - {"_target_"} == set(inspect.signature(cls).parameters)
    assert get_class(config._target_).name == name


@pytest.mark.parametrize("name", NAMES)
def test_the_root_and_the_seed_come_from_the_run_and_the_split_has_a_seed_of_its_own(name):
    raw = OmegaConf.to_container(read(name), resolve=False)
    assert (raw["root"], raw["seed"]) == ("${paths.data}", "${seed}")
    assert raw["split"]["seed"] == 0
    assert raw["view"] == {**read("digits").view, "standardize": "imagenet" if name == "imagenet" else "none"}


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_in_exactly_one_split_with_all_classes_and_the_shape_promised(name, build):
    data = build(name)
    source = data.load()
    splits = [data.examples(split) for split in SPLITS]
    assert sorted(torch.cat([part.index for part in splits]).tolist()) == list(range(len(source.labels)))
    for part in splits:
        batch = part.batch(slice(None))
        assert list(batch.input.shape) == [len(part), *data.shape]
        assert batch.input.dtype == torch.float32
        assert batch.input.isfinite().all()
        assert torch.equal(batch.target, torch.from_numpy(data.encode(source.labels))[part.index])
        check_targets(data, batch.target)


def check_targets(data, target):
    types = {"masks": torch.uint8, "boxes": torch.float32, "values": torch.float32}
    assert target.dtype == types.get(data.targets, torch.int64)
    if data.targets == "classes":
        assert torch.equal(target.unique(), torch.arange(data.num_classes))
    elif data.targets == "values":
        assert target.shape[1:] == (data.num_classes,)
        assert target.isfinite().all()
    elif data.targets == "sequences":
        assert target.shape[1:] == (data.longest,)
        assert set(target.unique().tolist()) <= set(range(-1, data.num_classes))
        assert (target == 0).sum(1).eq(1).all()
        assert ((target == 0).cumsum(1) - (target == 0).long()).bool().equal(target == -1)
    elif data.targets == "spans":
        first, last = target[:, 1], target[:, 2]
        assert ((first >= 0) & (first <= last) & (last < data.num_classes)).all()
        assert (target[:, 3:] == 0).any(1).all()
    elif data.targets in ("symbols", "tags"):
        assert target.shape[1:] == tuple(data.shape)
        assert set(target.unique().tolist()) <= set(range(-1, data.num_classes))
    elif data.targets == "masks":
        assert target.shape[1:] == tuple(data.shape[1:])
        assert set(target.unique().tolist()) <= {*range(data.num_classes), 255}
    else:
        kinds, boxes = target[target[..., 0] >= 0].split([1, 4], dim=1)
        assert set(kinds.unique().tolist()) <= set(range(data.num_classes))
        assert (boxes[:, 2:] > boxes[:, :2]).all()


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
    assert len(first.examples("train")) > 1
    moved = next(iter(other.train_dataloader())).input
    assert not torch.equal(moved, next(iter(first.train_dataloader())).input)
    assert len(moved) == min(read(name).batch_size, len(first.examples("train")))


@pytest.mark.parametrize("name", NAMES)
def test_every_option_works_and_leaves_the_test_labels_alone(name, build):
    plain = whole(build(name), "train")
    data = build(name)
    view = {"fraction": 0.5, "standardize": "none" if data.of_symbols else "pixel"}
    if data.targets == "classes":
        view |= {"random_labels_seed": 3} if data.of_symbols else {"permute_seed": 3, "random_labels_seed": 3}
    data = build(name, view=view)
    seen = whole(data, "train")
    assert len(seen.target) == round(len(plain.target) * 0.5)
    assert seen.input.isfinite().all()
    assert data.of_symbols or seen.input.mean((0,)).abs().max() < 1e-4
    true = torch.from_numpy(data.encode(data.load().labels))
    if data.targets == "classes":
        right = (seen.target == true[data.examples("train").index]).double().mean()
        assert right < 1 / data.num_classes + 2 / len(seen.target) ** 0.5  # by chance
    for split in ("validation", "test"):
        index = data.examples(split).index
        assert torch.equal(whole(data, split).target, true[index])
        assert torch.equal(index, build(name).examples(split).index)
