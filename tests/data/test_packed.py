"""Packs: the pixels, names and hashes of a folder in a few files; what is broken in one is found."""

import pytest
import torch
from packs import builder, contents, everything, pack, pictures, same

from picture_samples import encoded, imagenet, picture, videos, write
from podium.augment.flip import Flip
from podium.augment.resized_crop import ResizedCrop
from podium.data import packed
from podium.data.packed import Pack

CROPS = [ResizedCrop(scale=[0.08, 1.0], ratio=[0.75, 4 / 3]), Flip(horizontal_p=0.5, vertical_p=0.0)]
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def root(tmp_path):
    return pictures(tmp_path / "root")


@pytest.fixture
def build(compose_data, tmp_path):
    return builder(compose_data, tmp_path / "root")


@pytest.mark.parametrize("keep", ["pixels", "files"])
@pytest.mark.parametrize("shape", [[3, 16, 20], [1, 24, 24]], ids=str)
def test_a_pack_has_the_pixels_classes_and_hashes_of_its_files_without_these(
    build, root, tmp_path, keep, shape
):
    files = build(shape=shape, images={"in_memory": "never"})
    expected, fingerprint = everything(files), files.fingerprint()
    pack(files, tmp_path / "pack", keep=keep)
    root.rename(tmp_path / "elsewhere")
    found = build(shape=shape, images={"packed": str(tmp_path / "pack")})
    assert same(everything(found), expected)
    assert found.fingerprint() == fingerprint
    assert found.class_names == files.class_names == ["cat", "dog"]


@pytest.mark.parametrize(
    ("keep", "crops"), [("pixels", "resized"), ("files", "resized"), ("files", "original")]
)
def test_what_is_cut_for_training_is_what_is_cut_from_the_files(build, root, tmp_path, keep, crops):
    pack(build(), tmp_path / "pack", keep=keep)
    seen = []
    for where in (None, str(tmp_path / "pack")):
        data = build(images={"crops": crops, "packed": where})
        assert data.take_over(CROPS) == []
        seen.append(data.training(plain=True).at(2).pixels(slice(None)))
    assert torch.equal(*seen)


def test_another_resize_would_be_noticed(build, root, tmp_path):
    pack(build(), tmp_path / "pack")
    files = everything(build(images={"resize": 25}))
    assert not same(everything(build(images={"packed": str(tmp_path / "pack")})), files)


@pytest.mark.parametrize("lists", [None, "kaggle", "devkit"])
def test_imagenet_is_read_from_a_pack_alone(build, tmp_path, lists):
    imagenet(tmp_path, lists=lists)
    options = {"num_classes": 3, "root": tmp_path, "view": {"standardize": "none"}}
    files = build("imagenet", **options)
    expected, fingerprint = everything(files), files.fingerprint()
    pack(files, tmp_path / "pack")
    (tmp_path / "imagenet").rename(tmp_path / "elsewhere")
    found = build("imagenet", **options, images={"packed": str(tmp_path / "pack")})
    assert same(everything(found), expected)
    assert found.fingerprint() == fingerprint
    assert found.class_names == files.class_names


def test_frames_of_videos_are_packed_too(build, tmp_path):
    options = {"root": videos(tmp_path / "videos"), "shape": [3, 4, 8, 10], "images": {"resize": 10}}
    files = build("frames", **options)
    expected = everything(files)
    pack(files, tmp_path / "pack")
    options["images"] = {"resize": 10, "packed": str(tmp_path / "pack")}
    assert same(everything(build("frames", **options)), expected)


@pytest.mark.parametrize("keep", ["pixels", "files"])
def test_what_cannot_be_used_is_in_the_pack_by_name_and_refused_or_left_out_as_of_files(
    build, root, tmp_path, keep, caplog
):
    write(root / "dog" / "cut.jpg", encoded(picture())[:300])
    write(root / "cat" / "empty.png", b"")
    files = build(images={"bad_files": "skip"})
    expected, fingerprint = everything(files), files.fingerprint()
    out = pack(files, tmp_path / "pack", keep=keep)
    problems = dict(zip(Pack(out).scan.names, Pack(out).table.known.problem, strict=True))
    assert problems[b"cat/empty.png"] == "empty file"
    assert problems[b"dog/cut.jpg"].startswith("damaged: ")
    assert sum(map(bool, problems.values())) == 2
    with pytest.raises(
        ValueError, match=r"must be whole, got 2 of 36 that are not: cat/empty.png.*"
    ) as error:
        build(images={"packed": str(out)}).load()
    assert "\n" not in str(error.value)
    assert "cat/empty.png: empty file; dog/cut.jpg: damaged" in str(error.value)
    assert "dog/cut.jpg" in (out / ".podium" / "image_folder.txt").read_text()
    found = build(images={"packed": str(out), "bad_files": "skip"})
    assert same(everything(found), expected)
    assert found.fingerprint() == fingerprint
    assert "2 of 36 images are left out" in caplog.text


def test_a_pack_of_whole_files_lists_none(build, root, tmp_path):
    assert not any(Pack(pack(build(), tmp_path / "pack")).table.known.problem)


def spoil(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("keep", ["pixels", "files"])
def test_one_wrong_bit_is_found_when_its_picture_is_read_and_made_anew_by_packing_again(
    build, root, tmp_path, keep
):
    out = pack(build(), tmp_path / "pack", keep=keep)
    before = contents(out)
    broken = Pack(out).table.place[:, 0].tolist().index(2) + 1
    spoil(out / "shard-00002.bin", Pack(out).table.place[broken][1] + 7)
    found = Pack(out)
    name = found.scan.names[broken].decode()
    with pytest.raises(
        ValueError, match=r"^.*shard-00002.bin must hold .* got other bytes; remove .*$"
    ) as error:
        everything(build(images={"packed": str(out)}))
    assert name in str(error.value)
    assert "\n" not in str(error.value)
    for row in set(range(34)) - {broken}:
        found.read(row)
    (out / "shard-00002.bin").unlink()
    pack(build(), out, keep=keep)
    assert contents(out) == before


def test_without_checksums_a_wrong_bit_would_be_trained_on(build, root, tmp_path, monkeypatch):
    expected = everything(build())
    out = pack(build(), tmp_path / "pack")
    spoil(out / "shard-00002.bin", 3000)  # of a picture's middle
    monkeypatch.setattr(packed.Pack, "_differs", lambda pack, row, found: False)
    assert not same(everything(build(images={"packed": str(out)})), expected)


def remove_index(out):
    (out / "index.npz").unlink()


def cut_index(out):
    (out / "index.npz").write_bytes((out / "index.npz").read_bytes()[:-300])


def cut_shard(out):
    (out / "shard-00001.bin").write_bytes((out / "shard-00001.bin").read_bytes()[:-1])


def remove_shard(out):
    (out / "shard-00001.bin").unlink()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            remove_index,
            r".* must be a whole pack, got one without index.npz: .*; run the same podium data pack again.*",
        ),
        (cut_index, r".*index.npz must be whole, got .*; run the same podium data pack again"),
        (cut_shard, r".*shard-00001.bin must have \d+ bytes, got \d+; run the same podium data pack again.*"),
        (
            remove_shard,
            r".*shard-00001.bin must have \d+ bytes, got no file; run the same podium data pack.*",
        ),
    ],
)
def test_a_pack_that_is_not_whole_is_refused_in_one_line_and_mended_by_packing_again(
    build, root, tmp_path, harm, message
):
    out = pack(build(), tmp_path / "pack")
    before = contents(out)
    harm(out)
    with pytest.raises(ValueError, match=f"^{message}$") as error:
        build(images={"packed": str(out)}).load()
    assert "\n" not in str(error.value)
    pack(build(), out)
    assert contents(out) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {"resize": 30}}, r"images.packed must be a pack with resize=30, got one with 24 in .*"),
        ({"shape": [1, 16, 20]}, r"images.packed must be a pack with channels=1, got one with 3 in .*"),
        (
            {"name": "cats_vs_dogs"},
            r"images.packed must be a pack with name=cats_vs_dogs, got .* image_folder .*",
        ),
        (
            {"images": {"crops": "original"}},
            r"images.crops must be resized with a pack of pixels, got original with .*; set data.images.crops.*",
        ),
        ({"num_classes": 3}, r"num_classes must be 2, .*, got 3; .*"),
        ({"images": {"packed": "nowhere"}}, r"nowhere must be a pack of version 1, got no pack.json .*"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_a_pack_that_does_not_fit_is_refused_in_one_line(build, root, tmp_path, changes, message):
    out = pack(build(), tmp_path / "pack")
    changes["images"] = {"packed": str(out)} | changes.get("images", {})
    with pytest.raises(ValueError, match=f"^{message}$") as error:
        build(**changes).fingerprint()
    assert "\n" not in str(error.value)
