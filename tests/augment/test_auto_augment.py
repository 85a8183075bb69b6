from pathlib import Path

import pytest
import torch
import yaml
from torchvision.transforms import AutoAugmentPolicy
from torchvision.transforms.v2 import AutoAugment as Theirs

from podium.augment.auto_augment import AutoAugment
from podium.augment.operations import PAPER, Fill, operate

CONF = Path(__file__).parents[2] / "conf" / "augment"
LOOK = {"interpolation": "nearest", "fill_mode": "constant", "cval": 0.0}


@pytest.mark.parametrize("policy", list(AutoAugmentPolicy), ids=lambda policy: policy.value)
def test_the_learned_policies_are_those_of_torchvision(policy):
    ours = yaml.safe_load((CONF / f"auto_augment_{policy.value}.yaml").read_text())["auto_augment"]["policy"]
    theirs = [
        [[name.lower(), p, level or 0] for name, p, level in sub_policy]
        for sub_policy in Theirs(policy)._policies
    ]
    assert [[[o[0].replace("_", ""), *o[1:]] for o in sub] for sub in ours] == theirs


def test_operations_happen_with_their_probability_at_their_level(images):
    image = images[:1]
    policy = [[["invert", 0.25, 0], ["solarize", 1.0, 9]], [["posterize", 1.0, 9], ["identity", 0, 0]]]
    found = AutoAugment(policy=policy, **LOOK)(image.repeat(800, 1, 1, 1))
    solarized = operate(image, "solarize", torch.tensor([0.0]), Fill(**LOOK))
    coarse = operate(image, "posterize", PAPER.magnitude("posterize", torch.ones(1), (12, 10)), Fill(**LOOK))
    both = operate(1 - image, "solarize", torch.tensor([0.0]), Fill(**LOOK))
    counts = [sum(torch.allclose(f, r[0], atol=1e-6) for f in found) for r in (solarized, both, coarse)]
    assert sum(counts) == 800
    assert 260 < counts[0] < 340
    assert 70 < counts[1] < 130


def test_an_empty_policy_is_neutral(images):
    assert AutoAugment(policy=[], **LOOK)(images) is images


@pytest.mark.parametrize(
    "policy",
    [
        [[["twist", 0.5, 3]]],
        [[["rotate", 1.5, 3]]],
        [[["rotate", 0.5, 10]]],
        [[["rotate", 0.5]]],
        [[["rotate", 0.5, 3]], [["rotate", 0.5, 3], ["rotate", 0.5, 3]]],
    ],
    ids=str,
)
def test_what_is_no_policy_is_refused(policy):
    with pytest.raises(
        ValueError, match=r"^(policy|a probability of policy|a level of policy) must .*, got .*$"
    ):
        AutoAugment(policy=policy, **LOOK)
