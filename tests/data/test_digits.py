import subprocess
import sys

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


def test_reading_digits_does_not_import_scikit_learn_and_takes_under_a_third_of_a_second():
    code = """
import sys, time
from podium.data.digits import Digits
started = time.process_time()
Digits.load(None)
assert time.process_time() - started < 0.3, time.process_time() - started
heavy = {"sklearn", "mlxtend", "mnist1d", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
