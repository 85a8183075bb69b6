import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from podium.tricks.early_stopping import EarlyStopping
from podium.tricks.ema import EMA
from podium.tricks.spectral_norm import SpectralNorm


def reference(
    weights: list[dict[str, torch.Tensor]], decay: float, *, warmup: bool
) -> dict[str, torch.Tensor]:
    """The average of the initial weights and those after every step; counters are the last ones."""
    average = {name: tensor.double() for name, tensor in weights[0].items()}
    for n, live in enumerate(weights[1:]):
        d = min(decay, (1 + n) / (10 + n)) if warmup else decay
        for name, tensor in live.items():
            average[name] = (
                d * average[name] + (1 - d) * tensor.double() if tensor.is_floating_point() else tensor
            )
    return {name: tensor.to(weights[0][name].dtype) for name, tensor in average.items()}


def close(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.allclose(one[n], other[n], atol=1e-6) for n in one)


@pytest.mark.parametrize("warmup", [False, True])
def test_the_final_network_is_the_average_over_all_steps(tools, warmup):
    live = tools.At("on_train_batch_end")
    fitted = tools.fit([EMA(decay=0.7, warmup=warmup)], callbacks=[live])
    expected = reference([tools.copy_of(tools.make_network()), *live.seen], 0.7, warmup=warmup)
    final = tools.copy_of(fitted.network)
    assert close(final, expected)
    assert not close(final, live.seen[-1])
    assert not torch.allclose(final["1.running_mean"], live.seen[-1]["1.running_mean"])
    assert int(final["1.num_batches_tracked"]) == 8


def test_training_is_what_it_is_without_the_average(tools):
    averaged, plain = tools.At("on_train_batch_end"), tools.At("on_train_batch_end")
    tools.fit([EMA(decay=0.9, warmup=False)], callbacks=[averaged])
    tools.fit([], callbacks=[plain])
    assert len(plain.seen) == 8
    assert all(tools.equal(one, other) for one, other in zip(averaged.seen, plain.seen, strict=True))


def test_validation_sees_the_average(tools):
    live, validated = tools.At("on_train_batch_end"), tools.At("on_validation_epoch_end")
    tools.fit([EMA(decay=0.7, warmup=False)], callbacks=[live, validated])
    for epoch in (0, 1):
        weights = [tools.copy_of(tools.make_network()), *live.seen[: 4 * (epoch + 1)]]
        assert close(validated.seen[epoch], reference(weights, 0.7, warmup=False))


def test_the_vectors_of_spectral_normalisation_are_the_last_ones_and_keep_their_length(tools):
    live = tools.At("on_train_batch_end")
    tricks = [SpectralNorm(power_iterations=1), EMA(decay=0.7, warmup=False)]
    final = tools.copy_of(tools.fit(tricks, callbacks=[live], lr=1.0).network)
    vectors = [name for name in final if name.endswith(("._u", "._v"))]
    assert len(vectors) == 4
    for name in vectors:
        assert torch.equal(final[name], live.seen[-1][name])
        assert float(final[name].norm()) == pytest.approx(1, rel=1e-5)
    mean = reference(live.seen, 0.7, warmup=False)
    assert min(float(mean[name].norm()) for name in vectors) < 0.999  # what averaging would have made of them


def test_zero_decay_is_neutral(tools):
    validated, plain = tools.At("on_validation_epoch_end"), tools.At("on_validation_epoch_end")
    neutral = tools.fit([EMA(decay=0.0, warmup=False)], callbacks=[validated]).network
    assert tools.equal(tools.copy_of(neutral), tools.copy_of(tools.fit([], callbacks=[plain]).network))
    assert all(tools.equal(one, other) for one, other in zip(validated.seen, plain.seen, strict=True))


def test_accumulated_batches_count_once(tools):
    trick = EMA(decay=0.7, warmup=False)
    tools.fit([trick], accumulate=2)
    assert trick.state_dict()["updates"] == 4


def test_a_resumed_fit_ends_bit_for_bit_where_an_uninterrupted_one_does(tools, tmp_path):
    save = tools.SaveAfterEpoch(tmp_path / "last.ckpt", 1)
    whole = tools.fit([EMA(decay=0.7, warmup=True)], epochs=4, callbacks=[save]).network
    resumed = tools.fit([EMA(decay=0.7, warmup=True)], epochs=4, resume=save.path).network
    assert tools.equal(tools.copy_of(resumed), tools.copy_of(whole))
    forgetful = EMA(decay=0.7, warmup=True)
    forgetful.load_state_dict = lambda state: None
    lost = tools.fit([forgetful], epochs=4, resume=save.path).network
    assert not tools.equal(tools.copy_of(lost), tools.copy_of(whole))


def test_a_finished_fit_resumed_still_ends_with_the_average(tools, tmp_path):
    save = tools.SaveAfterEpoch(tmp_path / "last.ckpt", 1)
    whole = tools.fit([EMA(decay=0.7, warmup=True)], epochs=2, callbacks=[save]).network
    resumed = tools.fit([EMA(decay=0.7, warmup=True)], epochs=2, resume=save.path).network
    assert tools.equal(tools.copy_of(resumed), tools.copy_of(whole))


class _SaveInValidation(pl.callbacks.Checkpoint):
    def __init__(self, path, *, fail):
        self.path, self.fail = path, fail

    def on_validation_epoch_end(self, trainer, pl_module):
        if self.fail:
            raise KeyError("stopped here")
        trainer.save_checkpoint(self.path)

    def on_exception(self, trainer, pl_module, exception):
        trainer.save_checkpoint(self.path)


def test_a_fit_that_fails_in_its_validation_leaves_the_live_weights_in_the_network(tools, tmp_path):
    live, left = tools.At("on_train_batch_end"), tools.At("on_exception")
    save = _SaveInValidation(tmp_path / "now.ckpt", fail=True)
    with pytest.raises(KeyError):
        tools.fit([EMA(decay=0.7, warmup=False)], epochs=1, callbacks=[live, left, save])
    assert tools.equal(left.seen[0], live.seen[-1])


@pytest.mark.parametrize("fail", [False, True])
def test_a_checkpoint_written_during_a_validation_holds_the_live_weights(tools, tmp_path, fail):
    live, save = tools.At("on_train_batch_end"), _SaveInValidation(tmp_path / "now.ckpt", fail=fail)
    try:
        tools.fit([EMA(decay=0.7, warmup=False)], epochs=1, callbacks=[live, save])
    except KeyError:
        assert fail
    saved = torch.load(save.path, weights_only=True)
    saved_network = {name.removeprefix("network."): tensor for name, tensor in saved["state_dict"].items()}
    assert tools.equal(saved_network, live.seen[-1])
    expected = reference([tools.copy_of(tools.make_network()), *live.seen], 0.7, warmup=False)
    assert close(saved["callbacks"]["EMA"]["average"], expected)


def test_validating_and_testing_after_the_fit_changes_nothing(tools):
    fitted = tools.fit([EMA(decay=0.7, warmup=False)])
    final, seen = tools.copy_of(fitted.network), tools.At("on_validation_epoch_end")
    fitted.trainer.callbacks.append(seen)
    fitted.trainer.validate(fitted.task, tools.make_batches(4), verbose=False)
    assert tools.equal(seen.seen[0], final)
    assert tools.equal(tools.copy_of(fitted.network), final)


def test_a_trick_loaded_from_the_middle_of_a_fit_tests_the_average(tools):
    trick = EMA(decay=0.7, warmup=False)
    task = tools.fit([], epochs=1).task
    live = tools.copy_of(task.network)
    average = {name: torch.zeros_like(tensor) for name, tensor in live.items()}
    trick.load_state_dict({"average": average, "updates": 1, "step": 1})
    trick.on_test_start(None, task)
    assert tools.equal(tools.copy_of(task.network), average)
    trick.on_test_end(None, task)
    assert tools.equal(tools.copy_of(task.network), live)


def test_the_state_survives_a_file(tools):
    trick, other = EMA(decay=0.7, warmup=False), EMA(decay=0.7, warmup=False)
    tools.fit([trick])
    other.load_state_dict(tools.through_a_file(trick.state_dict()))
    state = other.state_dict()
    assert tools.equal(state["average"], trick.state_dict()["average"])
    assert (state["updates"], state["step"]) == (8, 8)


def test_half_precision_weights_are_averaged_in_32_bits():
    task = nn.Module()
    task.network = nn.Linear(2, 2).bfloat16()
    trick = EMA(decay=0.999, warmup=False)
    trick.on_train_start(None, task)
    assert all(tensor.dtype == torch.float32 for tensor in trick.state_dict()["average"].values())


@pytest.mark.parametrize("ema_first", [True, False])
def test_with_early_stopping_the_best_average_wins_in_either_order(tools, ema_first):
    tricks = [
        EMA(decay=0.7, warmup=False),
        EarlyStopping(monitor="validation/loss", mode="min", patience=3, min_delta=0.0, restore_best=True),
    ]
    validated = tools.At("on_validation_epoch_end")
    fitted = tools.fit(tricks if ema_first else tricks[::-1], epochs=40, callbacks=[validated], lr=1.0)
    best = tricks[1].state_dict()["best_epoch"]
    assert len(validated.seen) == best + 1 + 3
    assert tools.equal(tools.copy_of(fitted.network), validated.seen[best])


def test_a_network_without_parameters_is_refused(weightless):
    with pytest.raises(
        ValueError, match=r"^the network must have trained parameters, .* leave this trick out$"
    ):
        EMA(decay=0.9, warmup=False).edit_network(weightless)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_bad_decay_is_refused(decay):
    with pytest.raises(ValueError, match=r"^decay must be in \[0, 1\), got .*$"):
        EMA(decay=decay, warmup=False)
