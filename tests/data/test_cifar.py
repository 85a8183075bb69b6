"""CIFAR in torchvision's form, with files made here whose MD5 sums torchvision is told."""

import pickle

import numpy as np
import pytest
from torchvision import datasets

from picture_samples import stand_in_cifar

KINDS = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}


@pytest.fixture(params=sorted(KINDS))
def name(request, monkeypatch, tmp_path):
    stand_in_cifar(tmp_path, KINDS[request.param], monkeypatch, train=10, test=2)

    def no_connection(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", no_connection)
    return request.param


def test_both_splits_are_read_as_published(name, compose_data, tmp_path):
    data = compose_data(name, root=tmp_path)
    source = data.load()
    classes = 10 if name == "cifar10" else 100
    assert source.inputs.shape == (12 * classes, 3, 32, 32)
    assert source.test_start == 10 * classes
    assert np.bincount(source.labels).tolist() == [12] * classes
    assert data.class_names == [f"thing {number}" for number in range(classes)]
    assert data.fingerprint().sizes == {"train": 9 * classes, "validation": classes, "test": 2 * classes}


def test_pixels_are_in_channels_rows_and_columns(name, compose_data, tmp_path):
    kind = KINDS[name]
    batch = pickle.loads((tmp_path / kind.base_folder / kind.test_list[0][0]).read_bytes())
    source = compose_data(name, root=tmp_path).load()
    assert np.array_equal(source.inputs[source.test_start :], batch["data"].reshape(-1, 3, 32, 32))


def test_a_changed_file_is_never_unpickled(name, compose_data, tmp_path, monkeypatch):
    kind = KINDS[name]
    file = tmp_path / kind.base_folder / kind.train_list[0][0]
    file.write_bytes(file.read_bytes() + b"x")
    monkeypatch.setattr("torchvision.datasets.cifar.pickle", None)
    message = rf"^.*{kind.base_folder} must hold the files of {kind.__name__}, got no route to host; delete that .*$"
    with pytest.raises(ValueError, match=message) as error:
        compose_data(name, root=tmp_path).load()
    assert "\n" not in str(error.value)


def test_damaged_names_of_classes_are_refused_in_one_line(name, compose_data, tmp_path):
    kind = KINDS[name]
    (tmp_path / kind.base_folder / kind.meta["filename"]).write_bytes(b"x")
    with pytest.raises(
        ValueError, match=r"^.* must hold the files of CIFAR\d+, got .*metadata.*; delete that folder.*$"
    ):
        compose_data(name, root=tmp_path).load()


def test_the_published_sums_are_torchvisions():
    assert datasets.CIFAR10.tgz_md5 == "c58f30108f718f92721af3b95e74349a"
    assert datasets.CIFAR100.tgz_md5 == "eb9058c3a382ffc7106e4002c42a8d85"
