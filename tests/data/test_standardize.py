"""Each step of pre-processing against its formula, written out with numpy."""

import numpy as np
import pytest
import torch

from podium.data.standardize import MOST_WHITENED, measure, named_steps, scale


@pytest.fixture
def images():
    """40 images (2, 3, 4) of correlated values, of which the first 30 are for training; one pixel is constant."""
    random = np.random.RandomState(0)
    values = random.random_sample((40, 24)) @ random.random_sample((24, 24)) / 24
    values[:, 5] = 0.1
    return values.reshape(40, 2, 3, 4).astype(np.float32)


ROWS = np.arange(30)


def seen(standardize, images):
    """All images behind steps that were measured on those of training."""
    values = torch.from_numpy(images)
    for step in measure(named_steps(standardize), images, ROWS):
        values = step(values)
    return values.double().numpy()


def test_bytes_become_0_to_1_and_floats_stay():
    assert scale(np.array([0, 51, 255], dtype=np.uint8)).tolist() == [0.0, pytest.approx(0.2), 1.0]
    assert scale(np.array([-3.0, 7.5], dtype=np.float32)).tolist() == [-3.0, 7.5]


def test_a_constant_that_floats_cannot_hold_exactly_is_still_divided_by_1(view):
    (moments,) = view(standardize="pixel").measure(
        np.full((1000, 1, 1), 0.1, dtype=np.float32), np.arange(1000)
    )
    assert moments.deviation.item() == 1


def test_large_data_is_measured_in_parts_with_the_same_result(view, monkeypatch):
    values = np.random.RandomState(0).random_sample((50, 2, 3)).astype(np.float32)
    (whole,) = view(standardize="channel").measure(values, np.arange(50))
    monkeypatch.setattr("podium.data.standardize.CHUNK", 7)
    (parts,) = view(standardize="channel").measure(values, np.arange(50))
    assert np.allclose(parts.mean, values.mean((0, 2), keepdims=True))
    assert np.allclose(parts.mean, whole.mean)
    assert np.allclose(parts.deviation, whole.deviation)


def test_large_examples_are_measured_fewer_at_a_time(view, monkeypatch):
    """4,096 photographs of 224x224 would be 2.5 GB of float32."""
    asked = []

    class Inputs:
        shape, dtype = (50, 2, 3), np.dtype(np.uint8)

        def __getitem__(self, rows):
            asked.append(len(rows))
            return np.zeros((len(rows), 2, 3), dtype=np.uint8)

    monkeypatch.setattr("podium.data.standardize.MOST_VALUES", 6 * 8 + 5)
    view(standardize="channel").measure(Inputs(), np.arange(50))
    assert max(asked) == 8
    assert sum(asked) == 100


@pytest.mark.parametrize(("how", "axes"), [("pixel", (0,)), ("channel", (0, 2, 3))])
def test_centring_subtracts_the_mean_of_training_and_does_not_divide(images, how, axes):
    expected = images - images[ROWS].mean(axes, keepdims=True)
    assert np.allclose(seen(f"center_{how}", images), expected, atol=1e-6)
    assert not np.allclose(seen(how, images), expected, atol=1e-6)


def test_samplewise_steps_use_each_examples_own_moments(images):
    mean, deviation = images.mean((1, 2, 3), keepdims=True), images.std((1, 2, 3), keepdims=True)
    assert np.allclose(seen("center_sample", images), images - mean, atol=1e-6)
    assert np.allclose(seen("sample", images), (images - mean) / deviation, atol=1e-4)
    assert np.array_equal(seen("sample", np.full((40, 1, 2, 2), 0.1, np.float32)), np.zeros((40, 1, 2, 2)))


def test_decorrelation_leaves_variances_that_fall_and_no_covariance(images):
    turned = seen("decorrelate", images).reshape(40, -1)
    covariance = np.cov(turned[ROWS], rowvar=False, bias=True)
    variance = np.diag(covariance)
    assert np.abs(covariance - np.diag(variance)).max() < 1e-6
    assert (np.diff(variance) <= 1e-9).all()
    flat = images.reshape(40, -1).astype(np.float64)
    lengths = np.linalg.norm(flat - flat[ROWS].mean(0), axis=1)
    assert np.allclose(np.linalg.norm(turned, axis=1), lengths, atol=1e-5)  # turned, and not stretched


@pytest.mark.parametrize(
    ("standardize", "epsilon"), [("zca", 1e-6), ([{"zca": 0.1}], 0.1), ({"zca": 1}, 1.0)]
)
def test_zca_is_the_inverse_root_of_the_covariance(images, standardize, epsilon):
    flat = images.reshape(40, -1).astype(np.float64)
    flat = flat - flat[ROWS].mean(0)
    u, spread, _ = np.linalg.svd(flat[ROWS].T @ flat[ROWS] / len(ROWS))
    expected = flat @ (u * (1 / np.sqrt(spread + epsilon))) @ u.T
    assert np.allclose(seen(standardize, images).reshape(40, -1), expected, atol=2e-3)


def test_zca_makes_the_covariance_of_training_the_identity():
    values = np.random.RandomState(1).random_sample((500, 1, 2, 3)).astype(np.float32)
    values[:, :, 1] += values[:, :, 0]
    whitened = torch.from_numpy(values)
    for step in measure(named_steps("zca"), values, np.arange(500)):
        whitened = step(whitened)
    covariance = np.cov(whitened.flatten(1).double().numpy(), rowvar=False, bias=True)
    assert np.abs(covariance - np.eye(6)).max() < 1e-3


def test_rescaling_multiplies_bytes_that_are_0_to_1_already():
    values = torch.tensor([[0.0, 1.0]])
    (step,) = measure(named_steps({"rescale": 255}), values.numpy(), np.arange(1))
    assert step(values).tolist() == [[0.0, 255.0]]


def test_a_step_is_measured_behind_the_steps_before_it(images):
    both = seen(["sample", "pixel"], images)
    single = seen("sample", images)
    deviation = single[ROWS].std(0)
    deviation[deviation == 0] = 1
    assert np.allclose(both, (single - single[ROWS].mean(0)) / deviation, atol=1e-3)
    assert not np.allclose(both, seen(["pixel", "sample"], images), atol=1e-2)


@pytest.mark.parametrize("step", ["pixel", "channel", "center_pixel", "center_channel", "decorrelate", "zca"])
def test_no_step_sees_more_than_the_rows_it_is_given(images, step):
    spoilt = images.copy()
    spoilt[30:] = 7
    assert np.array_equal(seen(step, images)[:30], seen(step, spoilt)[:30])
    everything = measure(named_steps(step), spoilt, np.arange(40))  # the usual mistake would be noticed
    assert not np.allclose(everything[0](torch.from_numpy(images)).numpy()[:30], seen(step, images)[:30])


def test_whitening_large_examples_is_refused_before_it_eats_the_memory():
    large = np.zeros((2, 3, 64, 64), np.float32)
    with pytest.raises(
        ValueError, match=rf"^examples must have at most {MOST_WHITENED} values .*, got 12288; make"
    ):
        measure(named_steps("zca"), large, np.arange(2))


@pytest.mark.parametrize(
    "standardize",
    ["image", ["pixel", "none"], {"zca": 0}, {"zca": "a"}, {"pixel": 1}, {"zca": 1, "rescale": 2}, [3]],
    ids=str,
)
def test_what_is_no_step_is_refused(standardize):
    with pytest.raises(
        ValueError, match=r"^standardize must be none or steps of pixel, .*, got .*; set data"
    ):
        named_steps(standardize)
