"""A sweep asks for the configuration of a trial several times: it is composed once, and nobody can change what is kept."""

import pytest

from podium.run import assemble, compositions
from podium.sweep import tools

OVERRIDES = ["network=dense32", "data=digits", "seed=3"]


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was composed, in the place of what is kept from before."""
    asked = []
    compose = assemble.compose

    def counted(overrides: list[str]) -> dict:
        asked.append(overrides)
        return compose(overrides)

    monkeypatch.setattr(assemble, "compose", counted)
    tools._composed.cache_clear()
    return asked


def test_a_configuration_is_composed_once_and_given_as_a_copy(composed: list[list[str]]) -> None:
    first = tools.compose(OVERRIDES)
    first["data"]["batch_size"] = -1
    assert tools.compose(OVERRIDES) == assemble.compose(OVERRIDES)
    assert len(composed) == 2  # the second is the test's own
    assert tools.compose([*OVERRIDES[:-1], "seed=4"])["seed"] == 4


def test_after_a_change_of_conf_it_is_composed_anew(
    composed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.compose(OVERRIDES)
    folder, changed = compositions.state()
    monkeypatch.setattr(compositions, "state", lambda: (folder, changed + 1))
    tools.compose(OVERRIDES)
    assert len(composed) == 2
