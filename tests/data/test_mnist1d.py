import random

import numpy as np
import pytest

from podium.data import mnist1d


@pytest.fixture(scope="module")
def made():
    """Made once, with the network closed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("requests.get", lambda *_, **__: pytest.fail("download"))
        return mnist1d._make()


def test_the_signals_are_standardised_and_the_last_thousand_are_the_published_test_split(made):
    assert made.inputs.shape == (5000, 1, 40)
    assert made.inputs.dtype == np.float32
    assert made.test_start == 4000
    assert abs(made.inputs.mean()) < 1e-6
    assert abs(made.inputs.std() - 1) < 1e-6
    assert np.bincount(made.labels).tolist() == [500] * 10


def test_making_them_leaves_the_global_generators_as_they_were(monkeypatch):
    from mnist1d import data

    calls = []

    def make_dataset():
        data.set_seed(42)
        calls.append((random.random(), np.random.random_sample()))
        if len(calls) == 2:
            raise RuntimeError("broken")
        return {"x": np.zeros((2, 40)), "x_test": np.zeros((1, 40)), "y": np.zeros(2), "y_test": np.zeros(1)}

    monkeypatch.setattr(data, "make_dataset", make_dataset)
    random.seed(7)
    np.random.seed(7)
    before = random.getstate(), np.random.get_state()[1].tolist()
    mnist1d._make()
    with pytest.raises(RuntimeError, match="broken"):
        mnist1d._make()
    assert calls[0] == calls[1]  # it did seed them
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_they_are_made_once_and_then_kept_below_root(tmp_path, monkeypatch, made, compose_data):
    monkeypatch.setattr(mnist1d, "_make", lambda: made)
    compose_data("mnist1d", root=tmp_path).examples("test")
    monkeypatch.setattr(mnist1d, "_make", lambda: pytest.fail("made again"))
    compose_data("mnist1d", root=tmp_path).examples("test")
