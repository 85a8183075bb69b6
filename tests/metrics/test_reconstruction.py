import numpy as np
import pytest

from podium.metrics.reconstruction import evaluate

LABEL = np.array([3, 1, 2])


def test_it_is_the_mean_over_examples_in_any_order_to_the_bit():
    errors = np.array([0.1, 1e-9, 0.7], dtype=np.float32)
    assert evaluate({"squared_error": errors, "label": LABEL}) == evaluate(
        {"squared_error": errors[::-1], "label": LABEL}
    )
    found = evaluate({"squared_error": np.array([0.25, 0.5, 0.75]), "label": LABEL})
    assert found == {"test/mse": 0.5}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"label": LABEL}, "got none named squared_error"),
        ({"label": LABEL, "squared_error": np.zeros(2)}, r"got \(2,\) and \(3,\)"),
        ({"label": LABEL[:0], "squared_error": np.zeros(0)}, r"got \(0,\) and \(0,\)"),
        ({"label": LABEL, "squared_error": np.array([0.1, -0.1, 0.1])}, "must not be negative, got -0.1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, said):
    with pytest.raises(ValueError, match=said):
        evaluate(arrays)
