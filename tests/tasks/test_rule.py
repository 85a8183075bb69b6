"""What holds for every rule that is no gradient."""

import pytest
from rules import make_task
from torch.nn.utils import parametrizations

from podium.networks.perceptron import Perceptron as Network
from podium.run.assemble import compose
from podium.run.build import build
from podium.run.errors import ConfigError
from podium.run.initializers import compare
from podium.tasks.perceptron import Perceptron
from podium.tricks.ema import EMA
from podium.tricks.label_smoothing import LabelSmoothing
from podium.tricks.mixup import Mixup
from podium.tricks.penalty import Penalty


def network() -> Network:
    return Network(in_shape=[4], num_classes=2, associations=0, connections=0)


@pytest.mark.parametrize(
    ("trick", "said"),
    [
        (
            Penalty(power=2, strength=0.1),
            "learns from no loss that could be edited, got Penalty; leave that trick",
        ),
        (Mixup(alpha=0.4), "has no class probabilities to edit, got Mixup; leave that trick out"),
        (LabelSmoothing(smoothing=0.1), "has no class probabilities to edit, got LabelSmoothing; leave that"),
    ],
)
def test_tricks_that_edit_what_a_rule_has_not_are_refused_by_name(trick: object, said: str) -> None:
    with pytest.raises(ValueError, match=f"^Perceptron {said}"):
        make_task(Perceptron, network(), trick)


def test_a_trick_of_another_kind_is_taken() -> None:
    make_task(Perceptron, network(), EMA(decay=0.9, warmup=False))


def test_computed_weights_are_refused() -> None:
    normed = network()
    parametrizations.spectral_norm(normed.output)
    with pytest.raises(
        ValueError, match="must be able to change the weights themselves, got output with comp"
    ):
        make_task(Perceptron, normed)


@pytest.mark.parametrize("setting", ["accumulate=2", "precision=16-mixed"])
def test_what_only_gradients_can_have_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"needs trainer\.accumulate=1 and no scaled gradients, got accum"):
        build(compose(["network=perceptron", f"trainer.{setting}"]))


def test_no_gradient_can_be_followed_through_it() -> None:
    with pytest.raises(ConfigError, match="a gradient is needed to be followed, got task=Perceptron"):
        compare(["network=perceptron"], examples=8)
