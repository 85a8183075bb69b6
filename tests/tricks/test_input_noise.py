import pytest
import torch
from scipy import stats

from podium.contracts import Batch
from podium.tricks.input_noise import InputNoise


def test_noise_of_the_deviation_is_added_and_targets_stay():
    inputs = torch.arange(4000.0).view(40, 100)
    torch.manual_seed(1)
    got = InputNoise(deviation=0.3).edit_batch(Batch(inputs, torch.zeros(40, 3)))
    torch.manual_seed(1)
    assert torch.equal(got.input, inputs + 0.3 * torch.randn(40, 100))
    noise = (got.input - inputs).double().flatten()
    assert stats.kstest(noise, stats.norm(0, 0.3).cdf).pvalue > 0.001
    assert stats.kstest(noise, stats.norm(0, 0.33).cdf).pvalue < 0.001


def test_zero_deviation_is_neutral_and_draws_nothing(batch):
    state = torch.get_rng_state()
    assert InputNoise(deviation=0.0).edit_batch(batch) is batch
    assert torch.equal(state, torch.get_rng_state())


def test_it_mutates_nothing(batch):
    before = batch.input.clone()
    InputNoise(deviation=0.3).edit_batch(batch)
    assert torch.equal(batch.input, before)


def test_evaluation_has_no_noise(tools):
    tools.edits_training_alone(InputNoise(deviation=0.3), images=False)


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(lambda: InputNoise(deviation=0.3), tmp_path)


def test_inputs_that_are_not_floating_point_are_refused(batch):
    with pytest.raises(ValueError, match=r"^inputs must be floating-point numbers, got torch.int64; .*$"):
        InputNoise(deviation=0.3).edit_batch(Batch(batch.input.long(), batch.target))


@pytest.mark.parametrize("deviation", [-0.1, float("nan"), float("inf")])
def test_a_bad_deviation_is_refused(deviation):
    with pytest.raises(ValueError, match=r"^deviation must be at least 0 and finite, got .*$"):
        InputNoise(deviation=deviation)
