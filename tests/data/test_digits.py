import time

import numpy as np

from podium.data.digits import Digits


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    expected = load_digits()
    source = Digits.load(None)
    assert np.array_equal(source.inputs[:, 0] * 16, expected.images)
    assert np.array_equal(source.labels, expected.target)
    assert source.test_start is None


def test_values_are_0_to_1():
    inputs = Digits.load(None).inputs
    assert (inputs.min(), inputs.max(), inputs.dtype) == (0, 1, np.float32)


def test_digits_are_ready_for_training_in_under_a_third_of_a_second(compose_data, tmp_path):
    data = compose_data("digits", root=tmp_path, view={"standardize": "pixel"})
    started = time.process_time()  # of this process: what else runs on the machine does not count
    data.fingerprint()
    next(iter(data.train_dataloader()))
    assert time.process_time() - started < 0.3
    assert list(tmp_path.iterdir()) == []
