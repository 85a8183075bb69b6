"""podium data: packing a folder, checking a pack, and training from it."""

import re

import pytest
import torch

from picture_samples import class_folders, encoded, picture, write
from podium import cli
from podium.records.record import RunRecord
from podium.run.data_command import data_command
from podium.run.errors import ConfigError
from podium.run.folders import find_folders
from podium.run.look import DRAWS, look
from podium.run.pretrained import check_apart
from podium.run.reproduce import fresh_config
from podium.run.train import train


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user cache"))


@pytest.fixture
def words(tmp_path):
    """Fifty pictures in two classes, as overrides."""
    root = class_folders(tmp_path / "photos", {"cat": 25, "dog": 25})
    return [
        "data=image_folder",
        f"data.root={root}",
        "data.shape=[3,16,16]",
        "data.images.resize=20",
        "data.batch_size=8",
    ]


def pack(words, out, *, keep="pixels"):
    return data_command("pack", words, out=out, keep=keep)


def check(words, out):
    return data_command("check", [*words, f"data.images.packed={out}"], out=None, keep="pixels")


def test_it_says_what_was_packed_and_how_to_train_from_it(words, tmp_path, capsys):
    assert pack(words, tmp_path / "pack") == 0
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r".*pack: 50 pictures in 1 shards, 0.00 GiB; 0 cannot be used", said[0])
    assert re.fullmatch(r"content: [0-9a-f]{64}", said[1])
    assert said[2] == f"train from it with data.images.packed={tmp_path / 'pack'}"


def test_data_are_made_ready_and_said(tmp_path, capsys):
    assert data_command("prepare", ["data=digits", f"paths.data={tmp_path}"], out=None, keep="pixels") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "digits: 1,222 training, 216 validation, 359 test examples of 1x8x8, 10 classes"
    assert re.fullmatch(r"content: [0-9a-f]{64}", said[1])


def test_data_that_are_not_what_the_configuration_says_are_not_ready(tmp_path):
    words = ["data=digits", f"paths.data={tmp_path}", f"data.checksum={'0' * 64}"]
    with pytest.raises(ConfigError, match="digits must have the checksum 0000"):
        data_command("prepare", words, out=None, keep="pixels")


def test_the_command_line_takes_an_action_and_overrides_around_options(words, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["data", "pack", words[0], "--out", str(tmp_path / "pack"), *words[1:], "--keep", "files"])
    assert end.value.code == 0
    with pytest.raises(SystemExit) as end:
        cli.main(["data", "pak"])
    assert end.value.code == 2
    assert "'pak' (choose from" in capsys.readouterr().err


def test_a_check_names_every_picture_that_is_broken(words, tmp_path, capsys):
    pack(words, tmp_path / "pack")
    capsys.readouterr()
    assert check(words, tmp_path / "pack") == 0
    assert "0 of 50 pictures are not as they were packed" in capsys.readouterr().out
    shard = tmp_path / "pack" / "shard-00000.bin"
    content = bytearray(shard.read_bytes())
    for place in (10, len(content) - 10):
        content[place] ^= 128
    shard.write_bytes(content)
    assert check(words, tmp_path / "pack") == 1
    said = capsys.readouterr().out.splitlines()
    assert "must hold cat/0.jpg as it was packed" in said[0]
    assert "must hold dog/9.jpg as it was packed" in said[1]
    assert "2 of 50 pictures are not as they were packed" in said[2]


def test_pictures_that_cannot_be_used_end_in_one_line_or_are_left_out(words, tmp_path, capsys):
    write(tmp_path / "photos" / "cat" / "cut.jpg", encoded(picture())[:300])
    with pytest.raises(
        ConfigError, match=r"^data: every image below .* got 1 of 51 that are not: cat/cut.jpg"
    ):
        pack(words, tmp_path / "pack")
    assert pack([*words, "data.images.bad_files=skip"], tmp_path / "pack") == 0
    assert "50 pictures in 1 shards, 0.00 GiB; 1 cannot be used" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("action", "more", "out", "message"),
    [
        ("pack", [], None, r"podium data pack needs a folder for the pack, got none; give --out .*"),
        ("check", [], None, r"podium data check needs a pack, got none; set data.images.packed=FOLDER"),
        ("pack", ["data=digits"], "pack", r"podium data needs data of image files, got digits; choose .*"),
        (
            "pack",
            [],
            "photos/pack",
            r"data: --out must be outside of the pictures in .*, got .*; give another",
        ),
        ("pack", ["data.num_classes=3"], "pack", r"data: num_classes must be 2, .*"),
    ],
)
def test_what_cannot_be_packed_is_said_in_one_line(words, tmp_path, action, more, out, message):
    given = more if more == ["data=digits"] else [*words, *more]
    with pytest.raises(ConfigError, match=f"^{message}$") as error:
        data_command(action, given, out=tmp_path / out if out else None, keep="pixels")
    assert "\n" not in str(error.value)


CROPS = ("augment=[resized_crop,flip,color_jitter]", "data.images.crops=resized")


@pytest.mark.parametrize("more", [(), CROPS], ids=["centres", "crops"])
def test_training_from_a_pack_is_the_run_from_the_files_to_the_bit(words, tmp_path, settings, more):
    files = settings(*words, *more)
    record = train(files)
    pack(words, tmp_path / "pack")
    packed = settings(*words, *more, f"data.images.packed={tmp_path / 'pack'}")
    assert find_folders(packed) == find_folders(files)
    find_folders(files)[0].rename(tmp_path / "before")
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    again = train(packed)
    assert again.files["network.safetensors"] == record.files["network.safetensors"]
    assert again.files["predictions.npz"] == record.files["predictions.npz"]
    assert (again.data, again.entry_hash, again.history) == (record.data, record.entry_hash, record.history)
    assert again.config["data"]["images"]["packed"] == str(tmp_path / "pack")


def test_crops_make_another_run_and_are_another_entry(words, settings):
    plain, cut, original = (
        train(settings(*words, *more, "augment=[resized_crop,flip]"))
        for more in ([], ["data.images.crops=resized"], ["data.images.crops=original"])
    )
    assert len({record.entry_hash for record in (plain, cut, original)}) == 3
    assert len({record.files["network.safetensors"] for record in (plain, cut, original)}) == 3


def test_a_run_on_crops_that_paused_goes_on_to_the_bit(words, settings):
    whole, paused = settings(*words, *CROPS, "name=whole"), settings(*words, *CROPS, "runtime.stop_epoch=1")
    expected = train(whole).files
    find_folders(whole)[0].rename(find_folders(whole)[0].with_name("whole"))
    assert train(paused).status == "paused"
    torch.rand(3)
    assert train(settings(*words, *CROPS)).files["network.safetensors"] == expected["network.safetensors"]


def test_a_row_is_trained_again_from_the_files_where_its_pack_is_not(words, tmp_path, settings):
    pack(words, tmp_path / "pack")
    train(config := settings(*words, f"data.images.packed={tmp_path / 'pack'}"))
    record = RunRecord.load(find_folders(config)[0])

    def packed_in():
        return fresh_config(record, tmp_path, data_root="x")["data"]["images"]["packed"]

    assert packed_in() == str(tmp_path / "pack")
    (tmp_path / "pack").rename(tmp_path / "gone")
    assert packed_in() is None


def test_a_look_shows_other_crops_in_each_column(words, tmp_path, settings, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "podium.run.look.look_grid", lambda images, titles, *rest, **more: seen.append((images, titles))
    )
    look(
        settings(*words, "augment=[resized_crop,flip]", "data.images.crops=original"), out=tmp_path / "x.png"
    )
    images, titles = seen[0]
    assert titles == ["before", "after", *[""] * (DRAWS - 1)]
    assert images.shape[1] == 1 + DRAWS
    for one in range(1 + DRAWS):
        for other in range(one):
            assert abs(images[:, one] - images[:, other]).max() > 0.1


def test_augmentations_that_cannot_cut_whole_pictures_are_refused_before_training(words, settings):
    with pytest.raises(
        ConfigError, match=r"^data: images.crops needs resized_crop, crop or flip .* got ColorJitter"
    ):
        train(settings(*words, "augment=color_jitter", "data.images.crops=resized"))


def test_weights_of_a_run_from_a_pack_are_not_begun_with_on_another_split_of_its_pictures():
    def data(seed, packed):
        images = {"resize": 256, "packed": packed}
        return {"_target_": "podium.data.image_folder.ImageFolder", "images": images, "split": {"seed": seed}}

    check_apart(data(0, "some.pack"), data(0, None), "runs/one")
    with pytest.raises(ConfigError, match=r"must not have been trained on what this run is tested on"):
        check_apart(data(0, "some.pack"), data(1, None), "runs/one")
