import numpy as np
import pytest
import torch
from torch import nn

from podium.records.record import RunRecord, entry_hash
from podium.run.ensemble import ensemble_command
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.folders import find_folders
from podium.run.mc_dropout import compare, dropouts, sample
from podium.run.train import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory, settings_in):
    """A run with half of its hidden units dropped, and batch normalisation."""
    config = settings_in(
        tmp_path_factory.mktemp("run"), "tricks=[dropout]", "tricks.dropout.p=0.5", "network.norm=before"
    )
    train(config)
    (found,) = find_folders(config)
    return found


def test_both_readings_of_dropout_are_scored_and_sampling_is_repeatable(folder, capsys):
    state = torch.get_rng_state()
    found, again = (compare(folder, samples=20) for _ in range(2))
    assert found == again
    assert torch.equal(torch.get_rng_state(), state)
    record, _ = trained(folder)
    assert found.scaled["test/top1_error"] == record.metrics["test/top1_error"]
    assert found.averaged["test/top1_error"] < found.member_error
    assert found.gain.difference == pytest.approx(
        found.averaged["test/top1_error"] - found.scaled["test/top1_error"]
    )
    assert ensemble_command([folder], out=folder, mc_dropout=3) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("mean of 3 sampled")


def test_a_run_without_class_probabilities_is_refused_before_anything_is_loaded(folder, tmp_path):
    record = RunRecord.load(folder)
    config = {**record.config, "task": {"_target_": "podium.tasks.language_modelling.LanguageModelling"}}
    edited = record.with_(config=config, entry_hash=entry_hash(config))
    edited.save(tmp_path)  # without weights or predictions
    with pytest.raises(
        ConfigError, match=r"predict class probabilities, got task=LanguageModelling in .*; name"
    ):
        compare(tmp_path, samples=2)


def test_a_sample_drops_anew_each_time_and_leaves_the_network_in_evaluation_mode(folder):
    _, parts = trained(folder)
    examples = parts.data.examples("test")
    norm = next(m for m in parts.network.modules() if isinstance(m, nn.BatchNorm1d))
    before = norm.running_mean.clone()
    first, second = sample(parts.task, examples), sample(parts.task, examples)
    assert not np.array_equal(first, second)
    assert torch.equal(norm.running_mean, before)
    assert not any(module.training for module in parts.network.modules())
    for module in dropouts(parts.network):
        module.p = 0.0
    assert np.array_equal(sample(parts.task, examples), sample(parts.task, examples))


def test_for_a_linear_network_many_samples_approach_weight_scaling_in_the_logits():
    """The reading of dropout that weight scaling rests on, with masks drawn by hand beside."""
    torch.manual_seed(0)
    drop, layer = nn.Dropout(0.5), nn.Linear(8, 3)
    drop.train()
    value = torch.randn(8)
    with torch.no_grad():
        sampled = layer(drop(value.repeat(20_000, 1))).mean(0)
        masks = (torch.rand(20_000, 8) < 0.5).float() / 0.5
        by_hand = (value * masks @ layer.weight.T + layer.bias).mean(0)
        assert torch.allclose(sampled, layer(value), atol=0.02)
        assert torch.allclose(by_hand, layer(value), atol=0.02)
