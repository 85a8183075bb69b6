"""Pictures take longer than these runs: only the tests that are about files draw them."""

import pytest


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr("podium.run.train.draw", lambda *args: None)
    monkeypatch.setattr("podium.run.train.INFERENCE_TIMED_S", 0.0)
