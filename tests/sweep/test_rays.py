"""Starting Ray on a busy machine."""

import pytest
import ray

from podium.run.errors import ConfigError
from podium.sweep import rays

SLOW = "The current node timed out during startup. This could happen because some of the raylet failed to startup"


def starting(monkeypatch, *errors):
    """Ray that fails so often before it starts; how often it was asked."""
    left, asked = list(errors), []

    def init(**given):
        asked.append(given["num_cpus"])
        if left:
            raise left.pop(0)

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    return asked


def test_a_start_that_took_too_long_is_tried_again(monkeypatch):
    asked = starting(monkeypatch, RuntimeError(SLOW), RuntimeError(SLOW))
    rays._start(2)
    assert asked == [2, 2, 2]


def test_a_machine_that_stays_too_busy_is_one_line(monkeypatch):
    asked = starting(monkeypatch, *[RuntimeError(SLOW)] * 3)
    with pytest.raises(
        ConfigError, match=r"Ray must start within 30 s, got 3 times .*; wait until .* less busy$"
    ):
        rays._start(2)
    assert len(asked) == 3


def test_another_error_is_not_tried_again(monkeypatch):
    asked = starting(monkeypatch, ValueError("num_cpus must be a number"))
    with pytest.raises(ValueError, match="num_cpus"):
        rays._start(2)
    assert len(asked) == 1
