"""Nothing but what is far away tells the answer."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from podium.data.adding import LENGTH, Adding
from podium.data.first_symbol import CLASSES, FirstSymbol


@pytest.fixture(scope="module")
def adding():
    return Adding.load(None)


def test_one_value_of_each_half_is_marked_and_the_target_is_their_sum(adding):
    values, markers = adding.inputs[:, 0], adding.inputs[:, 1]
    for half in (slice(None, LENGTH // 2), slice(LENGTH // 2, None)):
        assert (markers[:, half].sum(1) == 1).all()
        assert set(markers[:, half].argmax(1)) == set(range(LENGTH // 2))
    np.testing.assert_allclose((values * markers).sum(1), adding.labels[:, 0], rtol=1e-6)


def test_who_says_one_has_an_error_of_a_sixth_and_a_line_through_all_values_is_no_better(adding):
    assert ((adding.labels - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.05)
    flat = adding.inputs.reshape(len(adding.inputs), -1)
    fitted = LinearRegression().fit(flat[:8000], adding.labels[:8000])
    assert ((fitted.predict(flat[8000:]) - adding.labels[8000:]) ** 2).mean() > 0.14


def test_the_first_symbol_is_the_class_and_no_other_is_one():
    source = FirstSymbol.load(None)
    assert (source.inputs.sum(1) == 1).all()
    symbols = source.inputs.argmax(1)
    assert np.array_equal(symbols[:, 0], source.labels)
    assert symbols[:, 1:].min() == CLASSES
    assert set(np.bincount(source.labels)) == {len(source.labels) // CLASSES}
