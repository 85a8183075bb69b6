import hashlib

import numpy as np
import pytest

from podium.data.arrays import Source, content_hash, idx_bytes
from podium.metrics import labels_hash


def test_the_hash_of_a_published_data_set_follows_from_the_hashes_of_its_files(idx):
    source = Source(idx.inputs, idx.labels, idx.test_start)
    assert content_hash(source) == idx.checksum()


def test_idx_is_what_torchvision_reads(tmp_path):
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    for array in (
        np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
        np.arange(6, dtype=np.uint8),
        np.arange(-3, 3, dtype=np.int32),
    ):
        file = tmp_path / "array"
        file.write_bytes(idx_bytes(array))
        read = read_sn3_pascalvincent_tensor(str(file)).numpy()
        assert read.dtype == array.dtype
        assert np.array_equal(read, array)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s._replace(inputs=s.inputs ^ (np.arange(s.inputs.size).reshape(s.inputs.shape) == 99)),
        lambda s: s._replace(inputs=s.inputs.astype(np.float32)),
        lambda s: s._replace(inputs=s.inputs.reshape(-1, 2, 5, 3)),
        lambda s: s._replace(labels=(s.labels + 1) % 4),
        lambda s: s._replace(test_start=100),
        lambda s: s._replace(inputs=s.inputs[::-1], labels=s.labels[::-1]),
    ],
    ids=["one bit", "type", "shape", "labels", "published split", "order"],
)
def test_any_change_of_the_content_changes_its_hash(make_source, change):
    source = make_source()
    assert content_hash(change(source)) != content_hash(source)


def test_memory_layout_and_byte_order_leave_the_hash_alone(make_source):
    source = make_source()
    source = source._replace(inputs=source.inputs.astype(np.float32))
    twin = Source(np.asfortranarray(source.inputs).astype(">f4"), source.labels.astype(">i8"), None)
    assert content_hash(twin) == content_hash(source)


def test_labels_are_hashed_as_little_endian_int64():
    expected = hashlib.sha256(bytes([3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])).hexdigest()
    assert labels_hash(np.array([3, 1])) == expected
    assert labels_hash(np.array([3, 1], dtype=">i8")) == expected
