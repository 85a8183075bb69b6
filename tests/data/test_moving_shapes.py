import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from podium.data import moving_shapes
from podium.data.moving_shapes import DIRECTIONS, MovingShapes


@pytest.fixture(scope="module")
def source():
    return MovingShapes.load(None)


def test_every_direction_is_as_frequent_as_any_other(source):
    assert source.inputs.shape == (2000, 1, 8, 16, 16)
    for part in (source.labels[:1600], source.labels[1600:]):
        assert set(np.bincount(part)) == {len(part) // 8}


def test_what_moves_is_brighter_than_the_ground_and_goes_where_the_class_says(source):
    bright = source.inputs[:, 0] >= 128
    assert source.inputs[:, 0][~bright].max() < 64
    for video, label in zip(bright[:200], source.labels[:200], strict=True):
        step = np.array(list(DIRECTIONS.values())[label])
        moved = [np.array_equal(np.roll(video[:-1], speed * step, (1, 2)), video[1:]) for speed in (1, 2)]
        assert sum(moved) == 1


def test_a_single_frame_does_not_tell_the_class(source):
    """At chance on frames that were not fitted; the mean difference of two frames in a row tells more than that."""
    frame = source.inputs[:, 0, 3].reshape(2000, -1) / 255
    fitted = LogisticRegression(max_iter=200).fit(frame[:1600], source.labels[:1600])
    assert fitted.score(frame[1600:], source.labels[1600:]) < 0.2  # 0.125 by chance


def test_two_frames_tell_the_class(source):
    """The direction is there: the step that explains the second frame best is that of the class."""
    steps = [(speed * np.array(step)) for step in DIRECTIONS.values() for speed in (1, 2)]
    bright = source.inputs[1600:1800, 0] >= 128
    fits = [[(np.roll(video[0], step, (0, 1)) == video[1]).mean() for step in steps] for video in bright]
    assert np.array_equal(np.argmax(fits, axis=1) // 2, source.labels[1600:1800])


def test_only_the_frozen_stream_is_used(monkeypatch, source):
    monkeypatch.setattr(np.random, "default_rng", None)
    monkeypatch.setattr(np.random, "random_sample", None)
    assert np.array_equal(moving_shapes._draw(source.labels), source.inputs)
