"""MNIST and Fashion-MNIST from a server on the loopback, through torchvision's own download and reader."""

import re
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from torchvision import datasets

from podium.data import fashion_mnist
from podium.data.idx import FILES

KINDS = [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]


@pytest.fixture(params=KINDS, ids=[name for name, _ in KINDS])
def name_and_folder(request, monkeypatch, tmp_path):
    """Debian's package may be installed on this machine: out of sight."""
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "no such package")
    return request.param


@pytest.fixture
def server(idx, name_and_folder, monkeypatch, tmp_path):
    """The folder of the mirror that torchvision downloads from, with the MD5 sums of the whole files."""
    folder = tmp_path / "server"
    shutil.copytree(idx.folder, folder)
    kind = getattr(datasets, name_and_folder[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Mirror, directory=str(folder))) as mirror:
        Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setattr(kind, "mirrors", [f"http://127.0.0.1:{mirror.server_port}/"])
        monkeypatch.setattr(kind, "resources", idx.resources())
        yield folder
        mirror.shutdown()


class Mirror(SimpleHTTPRequestHandler):
    """Announces the whole length of a file and breaks off in the middle if a file .cut stands beside it."""

    def copyfile(self, source, outputfile):
        content = source.read()
        cut = Path(self.directory) / f"{Path(self.path).name}.cut"
        outputfile.write(content[: len(content) // 2] if cut.exists() else content)

    def log_message(self, *_):
        pass


@pytest.fixture
def build(name_and_folder, idx, tmp_path, compose_data):
    name, folder = name_and_folder

    def make(**changes):
        return compose_data(name, root=tmp_path / "root", **{"checksum": idx.checksum()} | changes)

    make.raw = tmp_path / "root" / folder / "raw"
    return make


def one_line(build, pattern):
    with pytest.raises(ValueError, match=f"^{pattern}$") as error:
        build().examples("test")
    assert "\n" not in str(error.value)


def left_behind(build):
    root = build.raw.parent.parent
    return sorted(file.name for file in root.rglob("*") if file.is_file() or file.name.startswith("."))


def test_missing_files_are_downloaded_by_torchvision_and_hold_what_was_published(server, build, idx):
    data = build()
    source = data.load()
    assert np.array_equal(source.inputs, idx.inputs)
    assert np.array_equal(source.labels, idx.labels)
    assert source.test_start == idx.test_start
    assert left_behind(build) == sorted(FILES)
    test = data.examples("test")
    assert test.index.tolist() == list(range(1500, 1797))
    assert torch.equal(test.input, torch.from_numpy(idx.inputs[1500:].astype(np.float32) / 255))


def test_files_that_are_there_are_read_without_a_download(server, build):
    build().load()
    shutil.rmtree(server)
    assert len(build().examples("test").target) == 297


def test_archives_that_a_person_put_there_are_checked_and_unpacked(server, build):
    build.raw.mkdir(parents=True)
    for archive in server.iterdir():
        shutil.move(archive, build.raw)
    assert len(build().examples("test").target) == 297
    assert (build.raw / FILES[0]).is_file()


def test_a_damaged_archive_is_never_unpacked(server, build):
    build.raw.mkdir(parents=True)
    for archive in server.iterdir():
        content = archive.read_bytes()
        (build.raw / archive.name).write_bytes(content[:-1] + b"!")
    shutil.rmtree(server)
    one_line(build, ".*raw must hold 4 files, got Error downloading .*; connect to the internet, or .*there")
    assert [name for name in left_behind(build) if not name.endswith(".gz")] == []


def test_without_a_network_one_line_names_the_folder_and_the_remedy(server, build, name_and_folder):
    shutil.rmtree(server)
    debian = "apt-get install dataset-fashion-mnist, or " if name_and_folder[0] == "fashion_mnist" else ""
    remedy = f"connect to the internet, or {debian}put the four .gz files of (Fashion-)?MNIST there"
    one_line(build, re.escape(str(build.raw)) + f" must hold 4 files, got Error downloading .*; {remedy}")
    assert left_behind(build) == []


def test_a_download_that_ends_early_leaves_nothing(server, build, name_and_folder, tmp_path):
    (server / "t10k-images-idx3-ubyte.gz.cut").touch()
    one_line(build, ".* must hold 4 files, got Error downloading t10k-images.*File not found or corrupted.*")
    assert left_behind(build) == []

    plain = tmp_path / "plain"  # the control: torchvision alone leaves what it had
    with pytest.raises(RuntimeError, match="corrupted"):
        getattr(datasets, name_and_folder[1])(str(plain), download=True)
    assert any(file.is_file() for file in plain.rglob("*"))


def test_an_interruption_in_the_middle_of_unpacking_leaves_nothing_and_can_be_repeated(
    server, build, monkeypatch
):
    def interrupt(archive, *_, **__):
        archive = str(archive)
        with open(archive.removesuffix(".gz"), "wb") as file:  # noqa: PTH123
            file.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("torchvision.datasets.utils.extract_archive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build().load()
    assert left_behind(build) == []
    assert len(build().examples("test").target) == 297


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:7],
        lambda content: content[:-50],
        lambda content: b"\xff" + content[1:],
        lambda content: content[:3] + b"\x09" + content[4:],
    ],
    ids=["empty", "head", "truncated", "magic", "dimensions"],
)
def test_a_damaged_file_gives_one_line_with_the_remedy(server, build, file, damage):
    build().load()
    path = build.raw / file
    path.write_bytes(damage(path.read_bytes()))
    one_line(build, re.escape(str(build.raw)) + " must hold .*, got .*; delete it and run again")


def test_a_machine_without_memory_is_no_damage_of_the_files(server, build, monkeypatch):
    build().load()

    def out_of_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(datasets.MNIST, "_load_data", out_of_memory)
    with pytest.raises(MemoryError):
        build().load()


def test_whole_files_with_other_content_are_refused(server, build, name_and_folder):
    build().load()
    path = build.raw / FILES[3]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([(content[-1] + 1) % 10]))
    name, folder = name_and_folder
    one_line(build, f"{name} must have the checksum .*, got .*; .*, or delete .*root/{folder} and run again")


def test_labels_without_images_are_refused(server, build):
    build().load()
    path = build.raw / FILES[3]
    content = bytearray(path.read_bytes()[:-1])
    content[4:8] = (296).to_bytes(4, "big")
    path.write_bytes(content)
    one_line(build, ".*must hold a label for each image, got 1796 labels for 1797 images; .*")


@pytest.mark.parametrize("name_and_folder", KINDS[:1], indirect=True)
def test_a_root_that_is_a_file_gives_one_line(server, build):
    build.raw.parent.parent.write_text("occupied")
    one_line(build, r"root must be a folder to write to, got .*root \(.*\); set paths.data")
    assert build.raw.parent.parent.read_text() == "occupied"


class TestDebian:
    @pytest.fixture(params=KINDS[1:])
    def name_and_folder(self, request):
        return request.param

    @pytest.fixture
    def package(self, idx, monkeypatch, tmp_path):
        folder = tmp_path / "fashion-mnist"
        shutil.copytree(idx.folder, folder)
        monkeypatch.setattr(fashion_mnist, "DEBIAN", folder)
        return folder

    def test_the_package_is_unpacked_without_a_network(self, package, build, idx):
        assert np.array_equal(build().load().inputs, idx.inputs)
        assert left_behind(build) == sorted(FILES)

    @pytest.mark.parametrize(
        "damage", [lambda content: content[:-20], lambda _: b"", None], ids=["cut", "empty", "missing"]
    )
    def test_a_damaged_package_gives_one_line_and_leaves_nothing(self, package, build, damage):
        file = package / f"{FILES[2]}.gz"
        if damage is None:
            file.unlink()
        else:
            file.write_bytes(damage(file.read_bytes()))
        one_line(build, ".*raw must hold 4 files, got .*; connect to .*")
        assert left_behind(build) == []
