"""Nothing on the command line is ignored, and nothing ends in a traceback."""

import pytest

from podium.run.assemble import compose
from podium.run.errors import ConfigError

REFUSED: list[tuple[str, str]] = [
    ("+entry.nothing=1", r"entry is not a key of a run"),
    ("hydra.job.name=x", r"hydra.job.name=x sets Hydra itself, which decides nothing here"),
    ("+tracking.nothing=1", r"tracking.nothing is not a parameter of TrackingSettings"),
    ("tracking.follow=7", r"tracking.follow must be bool, got 7"),
    ("~tracking.follow", r"tracking needs tracking.follow"),
    ("~seed", r"every value must resolve, got Interpolation key 'seed' not found"),
    ("~network", r"a run needs the block network"),
    ("~optimizer", r"a run needs the block optimizer"),
    ("seed=${nothing}", r"every value must resolve"),
    ("network=null", r"network must be a file of conf/network, got null"),
    ("tricks=null", r"tricks must be a file of conf/tricks, got null"),
    ("entry=null", r"entry must be a file of conf/entry, got null"),
    ("trainer=null", r"trainer must be a file of conf/trainer, got null"),
    ("network=linear,dense32", r"network must have one value, got network=linear,dense32; podium sweep"),
    ("seed=range(0,3)", r"seed must have one value"),
    ("+network._partial_=true", r"network._partial_ must fit the group, got True; leave it out"),
    ("+data.split._partial_=true", r"data.split._partial_ must fit the group"),
    (
        "optimizer._partial_=false",
        r"optimizer._partial_ must fit the group, got False; write _partial_: true",
    ),
    ("~schedule._partial_", r"schedule._partial_ must fit the group, got None"),
]


@pytest.mark.parametrize(("override", "said"), REFUSED, ids=[override for override, _ in REFUSED])
def test_a_word_that_would_do_nothing_or_break_is_refused(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        compose([override])
    assert "\n" not in str(caught.value)


def test_a_boolean_in_a_list_of_numbers_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"network.widths must be .*Sequence\[int\], got \[True\]"):
        compose(["network=dense32", "network.widths=[true]"])
