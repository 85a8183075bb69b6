"""What training can go on with: every number of every trick, optimizer and schedule."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from podium.run.assemble import compose
from podium.run.changes import segments
from podium.run.conf import groups
from podium.run.errors import ConfigError
from podium.run.layouts import check_layouts

NETWORKS = {
    "stochastic_depth": ["network=cifar_resnet20"],
    "recurrent_dropout": ["network=rnn", "data=mnist1d"],
}
NEEDS_MORE = {"distillation", "logistic_head"}  # a trained teacher, features of the data


def numbers(block: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """The numbers of a block, by dotted key."""
    for key, value in block.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}.{key}")
        elif isinstance(value, int | float) and not str(key).startswith("_"):
            yield f"{prefix}.{key}", value


@pytest.mark.parametrize(
    ("group", "least"),
    [pytest.param("tricks", 20, marks=pytest.mark.slow, id="tricks"), ("optimizer", 5), ("schedule", 4)],
)
def test_every_number_may_stay_as_it_is_from_another_epoch_on(group: str, least: int) -> None:
    tried = 0
    for name in sorted(set(groups()[group]) - NEEDS_MORE):
        chosen = f"{group}=[{name}]" if group == "tricks" else f"{group}={name}"
        base = [
            chosen,
            *NETWORKS.get(name, ["network=lecture_cnn_bn_8"]),
            "tracking=none",
            "trainer.max_epochs=3",
        ]
        found = dict(numbers(compose(base)[group], group))
        if found:
            same = ",".join(f"{key}:{str(value).lower()}" for key, value in found.items())
            check_layouts(segments(compose([*base, f"trainer.changes={{1:{{{same}}}}}"])))
            tried += 1
    assert tried >= least


def test_a_state_that_would_be_another_is_named() -> None:
    base = ["network=dense32", "tracking=none", "optimizer=sgd", "trainer.max_epochs=3"]
    later = compose([*base, "trainer.changes={1:{optimizer.lr:0.2},2:{optimizer.momentum:0.9}}"])
    with pytest.raises(
        ConfigError, match=r"trainer\.changes\.2: the optimizer's moments must stay as they were"
    ):
        check_layouts(segments(later))
    check_layouts(segments(later)[:2])
