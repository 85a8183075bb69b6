"""Runs of the first networks, each by its own learning rule."""

import pytest
import safetensors.torch
import torch
from test_resume import assert_same_run, in_child, train_and_kill

from podium.run.build import build
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import WEIGHTS_FILE, run_folder
from podium.run.mc_dropout import compare
from podium.run.train import train


def test_an_autoencoder_is_recorded_and_scored_again_and_has_no_second_reading(settings_in, tmp_path) -> None:
    config = settings_in(tmp_path, "network=autoencoder_256_dropout", "network.widths=[16]")
    record = train(config)
    assert record.metrics is not None
    assert record.history is not None
    assert set(record.metrics) == {"test/mse", "validation/mse"}
    curve = [value for _, value in record.history["validation/mse"]]
    assert curve[-1] == pytest.approx(record.metrics["validation/mse"])
    assert curve[-1] < curve[0]
    again = evaluate(run_folder(config))
    assert again.largest_change == 0
    assert again.measured == again.recorded
    with pytest.raises(
        ConfigError, match="of runs that predict class probabilities, got task=Reconstruction"
    ):
        compare(run_folder(config), samples=2)


SELF = ("network=neocognitron_8x8", "data.split.train_examples=100")
COUNTED = ("optimizer=sgd", "optimizer.lr=1")
DEEP = ("network=deep_autoencoder", "network.widths=[8,4]", "trainer.max_epochs=4")


@pytest.mark.parametrize(
    ("network", "step"),
    [(("network=madaline",), 8), ((*SELF, "data.batch_size=8"), 10), (DEEP, 30), (DEEP, 58)],
    ids=["madaline", "neocognitron", "machines", "fine"],
)
def test_a_run_by_a_rule_is_recorded_and_killed_and_resumed_to_the_same_bits(
    settings_in, tmp_path, network, step
):
    def chosen(folder, every_s):
        words = ("optimizer=adam", "schedule=cosine", "tricks=[ema,grad_clip,weight_decay]")
        every = ("runtime.flush_every_n_steps=7", f"runtime.checkpoint_every_s={every_s}")
        return settings_in(tmp_path / folder, *network, *words, *every)

    whole, killed = chosen("whole", 1e9), chosen("killed", 0.0)
    assert in_child(lambda: train(whole)) == 0
    train_and_kill(killed, step)
    assert in_child(lambda: train(killed)) == 0
    assert_same_run(run_folder(killed), run_folder(whole))
    again = evaluate(run_folder(whole))
    assert again.measured == again.recorded
    curve = [value for _, value in train(whole).history["train/loss"]]
    assert curve[-1] < curve[0]


def test_machines_without_an_epoch_each_or_with_inputs_that_are_no_probabilities_are_refused(
    settings_in, tmp_path
):
    with pytest.raises(
        ValueError, match=r"each of 2 machines an epoch, got 2 of which .* trainer\.max_epochs=4 or"
    ):
        train(settings_in(tmp_path / "short", *DEEP[:2]))
    with pytest.raises(ValueError, match=r"inputs must be from 0 to 1, .* set data.view.standardize=none"):
        train(settings_in(tmp_path / "pixel", "network=rbm", "data.view.standardize=pixel"))


def test_without_pretraining_the_run_is_that_of_the_same_autoencoder_by_backpropagation(
    settings_in, tmp_path
):
    rule = train(settings_in(tmp_path / "rule", *DEEP, "task.pretraining=0"))
    autoencoder = ("network=autoencoder_256", *DEEP[1:], "network.activation=sigmoid")
    activations = ("network.code_activation=none", "network.output_activation=sigmoid")
    plain = train(settings_in(tmp_path / "plain", *autoencoder, *activations))
    assert rule.metrics["test/mse"] == pytest.approx(plain.metrics["test/mse"], rel=1e-5)
    assert rule.history["train/loss"][-1] == pytest.approx(plain.history["train/loss"][-1], rel=1e-5)


def s_layers(config):
    """What the S-layers of a finished run learnt."""
    weights = safetensors.torch.load_file(run_folder(config) / WEIGHTS_FILE)
    return {name: weight for name, weight in weights.items() if not name.startswith("output")}


def same_weights(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def organised(settings_in, tmp_path_factory):
    """A finished run of two epochs, in both of which S-layers learn, and its last validation error."""
    config = settings_in(tmp_path_factory.mktemp("organised"), *SELF, *COUNTED)
    return config, train(config).metrics["validation/top1_error"]


def test_a_neocognitron_learns_the_same_to_the_last_bit_whatever_the_labels(settings_in, tmp_path, organised):
    true, error = organised
    drawn = settings_in(tmp_path, *SELF, *COUNTED, "data.view.random_labels_seed=1")
    assert error < 0.5 < 0.8 < train(drawn).metrics["validation/top1_error"]
    assert same_weights(s_layers(true), s_layers(drawn))


def test_behind_its_share_of_the_epochs_it_only_counts_classes_and_no_optimizer_touches_what_it_learnt(
    settings_in, tmp_path, organised
):
    one = settings_in(tmp_path / "one", *SELF, "optimizer=adam", "trainer.max_epochs=1")
    two = settings_in(tmp_path / "two", *SELF, *COUNTED, "task.organizing=0.5")
    losses = [train(config).history["validation/loss"][-1][1] for config in (one, two)]
    assert same_weights(s_layers(one), s_layers(two))
    assert not same_weights(s_layers(two), s_layers(organised[0]))
    assert losses[1] < losses[0]


def test_frozen_s_layers_of_a_neocognitron_learn_nothing(settings_in, tmp_path, organised):
    frozen = settings_in(tmp_path, *SELF, *COUNTED, "tricks=[freeze]", "trainer.max_epochs=1")
    train(frozen)
    assert not s_layers(frozen)["stages.0.s.inhibitory"].any()
    assert s_layers(organised[0])["stages.0.s.inhibitory"].any()


def test_a_neocognitron_refuses_inputs_that_no_cell_could_give_and_rates_that_reach_no_s_layer(
    settings_in, tmp_path
):
    with pytest.raises(
        ValueError, match=r"inputs must be 0 or more, .* got -.*; set data.view.standardize=none"
    ):
        train(settings_in(tmp_path / "pixel", *SELF, *COUNTED, "data.view.standardize=pixel"))
    with pytest.raises(
        ValueError, match=r"reinforces by task.first_speed and task.speed, got an optimizer with"
    ):
        train(settings_in(tmp_path / "rates", *SELF, *COUNTED, "tricks=[layer_rates]"))


@pytest.mark.slow
def test_a_neocognitron_sorts_handwritten_digits_that_it_was_never_told_apart(settings_in, tmp_path):
    """By chance nine of ten are wrong; docs/history.md has what longer runs reach."""
    record = train(settings_in(tmp_path, SELF[0], *COUNTED, "trainer.max_epochs=3", "task.organizing=0.67"))
    assert record.metrics["test/top1_error"] < 0.15


@pytest.mark.slow
def test_a_pretrained_deep_autoencoder_beats_random_weights_and_principal_components(settings_in, tmp_path):
    """As Hinton and Salakhutdinov reported in 2006, here for codes of 8 numbers, at the same number of epochs."""
    errors = {}
    for share in (0.0, 0.5):
        words = ("network=deep_autoencoder", "network.widths=[256,128,64,8]", "trainer.max_epochs=160")
        config = settings_in(tmp_path, *words, "optimizer.lr=0.003", f"task.pretraining={share}")
        record = train(config)
        errors[share] = record.metrics["test/mse"]
    data = build(config).data
    train_inputs, test_inputs = (
        data.examples(split).batch(slice(None)).input.flatten(1).double() for split in ("train", "test")
    )
    mean = train_inputs.mean(0)
    directions = torch.linalg.svd(train_inputs - mean, full_matrices=False).Vh[:8]
    centred = test_inputs - mean
    components = float((centred - centred @ directions.T @ directions).square().mean())
    assert errors[0.5] < 0.9 * components
    assert errors[0.5] < 0.9 * errors[0.0]
