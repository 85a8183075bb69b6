"""Packs are written whole, go on where they broke off, and are the same bytes whatever happened."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from packs import SHARD, builder, contents, everything, pack, pictures, same

from picture_samples import class_folders, encoded, picture, write
from podium.data import pack_writer
from podium.data.packed import Pack

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def root(tmp_path):
    return pictures(tmp_path / "root")


@pytest.fixture
def build(compose_data, tmp_path):
    return builder(compose_data, tmp_path / "root")


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that were opened."""
    seen = []
    honest = pack_writer._pack
    monkeypatch.setattr(
        pack_writer, "_pack", lambda root, name, form: seen.append(name) or honest(root, name, form)
    )
    return seen


def test_the_number_of_threads_does_not_change_a_byte(build, root, tmp_path):
    one, many = (pack(build(), tmp_path / str(threads), threads=threads) for threads in (1, 5))
    assert contents(one) == contents(many)
    assert len(list(one.glob("shard-*.bin"))) > 5


@pytest.mark.parametrize("keep", ["pixels", "files"])
def test_packing_that_was_interrupted_goes_on_behind_its_last_whole_shard(
    build, root, tmp_path, keep, opened, monkeypatch
):
    expected = contents(pack(build(), tmp_path / "reference", keep=keep))
    honest = pack_writer._write_table

    def dies(path, *rest):
        if path.name == "shard-00003.npz":
            raise KeyboardInterrupt
        honest(path, *rest)

    monkeypatch.setattr(pack_writer, "_write_table", dies)
    with pytest.raises(KeyboardInterrupt):
        pack(build(), tmp_path / "pack", keep=keep)
    monkeypatch.setattr(pack_writer, "_write_table", honest)
    opened.clear()
    out = pack(build(), tmp_path / "pack", keep=keep)
    assert contents(out) == expected
    shards = Pack(out).table.place[:, 0]
    assert set(opened) == {
        name for name, shard in zip(Pack(out).scan.names, shards.tolist(), strict=True) if shard >= 3
    }


def test_packing_that_was_killed_before_its_first_byte_goes_on(build, root, tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / ".pack.json.123-abcd.part").write_bytes(b"{")
    assert contents(pack(build(), tmp_path / "pack")) == contents(pack(build(), tmp_path / "new"))


def test_packing_again_opens_nothing_and_a_changed_file_makes_its_shard_anew(build, root, tmp_path, opened):
    out = pack(build(), tmp_path / "pack", threads=1)
    opened.clear()
    pack(build(), out)
    assert opened == []
    changed = Pack(out).scan.names[12]
    write(root / os.fsdecode(changed), encoded(picture(99)))
    pack(build(), out)
    assert changed in opened
    assert opened[0] >= Pack(out).scan.names[8]
    assert same(everything(build(images={"packed": str(out)})), everything(build()))


def test_a_folder_that_lost_pictures_leaves_no_shard_behind(build, root, tmp_path):
    out = pack(build(), tmp_path / "pack")
    for number in range(2, 12):
        (root / "dog" / f"{number}.jpg").unlink()
    pack(build(), out)
    assert contents(out) == contents(pack(build(), tmp_path / "new"))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            lambda out: write(out / "mine.txt", b"text"),
            r".* must be empty or a pack, got mine.txt in it; .* --out",
        ),
        (lambda out: write(out, b"text"), r".* must be a folder to write to, got .*; give another --out"),
    ],
    ids=["stranger", "file"],
)
def test_a_place_that_is_no_pack_is_left_alone(build, root, tmp_path, harm, message):
    harm(tmp_path / "pack")
    with pytest.raises(ValueError, match=f"^{message}$"):
        pack(build(), tmp_path / "pack")


def test_another_pack_is_not_mixed_in(build, root, tmp_path):
    out = pack(build(), tmp_path / "pack")
    with pytest.raises(
        ValueError, match=r"^.* must be a pack with resize=30, got 24; remove it, or give another.*$"
    ):
        pack(build(images={"resize": 30}), out)


def test_one_at_a_time_writes_a_pack(build, root, tmp_path, monkeypatch):
    out = tmp_path / "pack"
    out.mkdir()
    with (
        pack_writer._alone(out),
        pytest.raises(ValueError, match=r"^.* by one podium data pack at a time, got another; wait for it$"),
    ):
        pack(build(), out)
    pack(build(), out)


def test_pictures_that_all_are_broken_are_refused(build, tmp_path):
    for kind in ("cat", "dog"):
        write(tmp_path / "root" / kind / "0.jpg", b"no image")
    with pytest.raises(
        ValueError, match=r"^.* must hold a picture that can be used, got none: no image of .*$"
    ):
        pack(build(), tmp_path / "pack")


def killed_after(seconds, work):
    """Whether work in a forked process was under way when it was killed with SIGKILL; else it went well."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["pixels", "files"])
def test_packing_killed_at_any_moment_and_begun_again_makes_the_same_bytes(build, tmp_path, keep):
    class_folders(tmp_path / "root", {"cat": 200, "dog": 200})
    data = build()

    def make(out):
        return pack(data, out, keep=keep, shard_bytes=4 * SHARD)

    began = time.monotonic()
    expected = contents(make(tmp_path / "reference"))
    whole = time.monotonic() - began
    draw = np.random.RandomState(0)
    kills = trial = 0
    while kills < 25:
        trial += 1
        out: Path = tmp_path / str(trial)
        while killed_after(draw.uniform(0, 1.5 * whole), lambda out=out: make(out)):
            kills += 1
        assert contents(make(out)) == expected
