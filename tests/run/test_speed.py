import pytest
import torch

from podium.run.errors import ConfigError
from podium.run.speed import check_speed, measure_speed
from podium.tasks.classification import Classification

TINY = ["network=dense32", "data.batch_size=4"]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true", "64-true"])
def test_a_repeat_measures_both_kinds_of_pass_in_each_precision(settings, precision):
    before = torch.are_deterministic_algorithms_enabled()
    found = measure_speed(settings(*TINY, f"trainer.precision={precision}"), seconds=0.001)
    assert found["train_images_per_s"] > 0
    assert found["inference_images_per_s"] > 0
    assert found["peak_memory_mib"] >= 0
    assert torch.are_deterministic_algorithms_enabled() is before


def test_tricks_augmentations_and_channels_last_are_part_of_a_step(settings):
    tricked = settings(
        "network=lecture_cnn",
        "tricks=[mixup]",
        "augment=affine",
        "trainer.channels_last=true",
        "data.batch_size=4",
    )
    assert measure_speed(tricked, seconds=0.001)["train_images_per_s"] > 0


def test_a_batch_is_as_large_as_the_configuration_says(settings, monkeypatch):
    seen = []
    step = Classification.training_step

    def look(self, batch, number):
        seen.append((tuple(batch.input.shape), self.network.training))
        return step(self, batch, number)

    monkeypatch.setattr(Classification, "training_step", look)
    measure_speed(settings("network=dense32", "data.batch_size=7"), seconds=0.001)
    assert set(seen) == {((7, 1, 8, 8), True)}


def test_the_costs_that_are_counted_are_the_networks(settings):
    costs = check_speed(settings(*TINY))
    assert costs["parameters"] == 64 * 32 + 32 + 32 * 10 + 10
    assert costs.keys() == {"parameters", "depth", "size_mib", "multiply_adds", "activations"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trainer.precision=16-mixed"], "needs a GPU"),
        (["runtime.devices=2"], "runtime.devices must be 1"),
        (["network=perceptron", "data=separable"], "a gradient is needed"),
    ],
)
def test_what_cannot_be_timed_is_refused(settings, words, said):
    with pytest.raises(ConfigError, match=said):
        check_speed(settings(*words))
