import pytest
import torch
from torch import nn

from podium.tricks.dropout import Dropout
from podium.tricks.ema import EMA
from podium.tricks.mixup import Mixup
from podium.tricks.swa import SWA

EPOCH = 4  # batches


def mean(states):
    """Number by number: the plain mean of some weights."""
    return {name: sum(state[name].double() for state in states) / len(states) for name in states[0]}


def renewed(tools, state):
    """Mean and variance of each batch before the norm, and their plain means."""
    linear = nn.Linear(6, 8)
    linear.load_state_dict({"weight": state["0.weight"].float(), "bias": state["0.bias"].float()})
    hidden = [linear(batch.input).detach().double() for batch in tools.make_batches(3)]
    means, variances = [h.mean(0) for h in hidden], [h.var(0) for h in hidden]
    return sum(means) / len(means), sum(variances) / len(variances)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_final_network_is_the_mean_of_the_last_epochs_ends_with_renewed_statistics(tools, accumulate):
    live = tools.At("on_train_batch_end")
    fitted = tools.fit([SWA(start=0.5)], epochs=5, callbacks=[live], accumulate=accumulate)
    expected = mean([live.seen[EPOCH * k + EPOCH - 1] for k in (2, 3, 4)])
    final = tools.copy_of(fitted.network)
    names = [name for name, _ in fitted.network.named_parameters()]
    assert all(torch.allclose(final[name].double(), expected[name], atol=1e-6) for name in names)
    assert not torch.allclose(final["0.weight"], live.seen[-1]["0.weight"])
    running_mean, running_var = renewed(tools, expected)
    torch.testing.assert_close(final["1.running_mean"].double(), running_mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(final["1.running_var"].double(), running_var, atol=1e-5, rtol=0)
    assert int(final["1.num_batches_tracked"]) == 5 * EPOCH
    assert fitted.network[1].momentum == 0.1


def test_averaged_statistics_would_be_other_ones(tools, monkeypatch):
    fitted = tools.fit([SWA(start=0.0)])
    monkeypatch.setattr(SWA, "_renew_statistics", lambda *_: None)
    stale = tools.fit([SWA(start=0.0)])
    one, other = tools.copy_of(fitted.network), tools.copy_of(stale.network)
    assert torch.equal(one["0.weight"], other["0.weight"])
    assert not torch.allclose(one["1.running_var"], other["1.running_var"], atol=1e-3)


def test_training_is_what_it_is_without_the_average(tools):
    """With dropout and mixup, whose draws the pass for the statistics must not use up; metrics included."""
    make = lambda: [Dropout(p=0.5, input_p=0.0, output_p=0.0), Mixup(alpha=1.0)]  # noqa: E731
    averaged, plain = tools.At("on_train_batch_end"), tools.At("on_train_batch_end")
    one = tools.fit([*make(), SWA(start=0.0)], callbacks=[averaged])
    other = tools.fit(make(), callbacks=[plain])
    assert len(plain.seen) == 2 * EPOCH
    assert all(tools.equal(a, b) for a, b in zip(averaged.seen, plain.seen, strict=True))
    assert one.task.meter.flush() == other.task.meter.flush()


def test_validation_sees_live_weights_until_the_start_and_the_average_from_then_on(tools):
    live, validated = tools.At("on_train_batch_end"), tools.At("on_validation_epoch_end")
    tools.fit([SWA(start=0.5)], epochs=4, callbacks=[live, validated])
    ends = live.seen[EPOCH - 1 :: EPOCH]
    for epoch, last in enumerate([ends[:1], ends[1:2], ends[2:3], ends[2:4]]):
        seen = validated.seen[epoch]["0.weight"]
        assert torch.allclose(seen.double(), mean(last)["0.weight"], atol=1e-6)


def test_a_start_of_one_is_neutral(tools):
    neutral, plain = tools.fit([SWA(start=1.0)]), tools.fit([])
    assert tools.equal(tools.copy_of(neutral.network), tools.copy_of(plain.network))


@pytest.mark.parametrize(("start", "epochs", "averaged"), [(0.75, 1, 1), (0.75, 8, 2), (0.3, 10, 7)])
def test_the_start_is_a_share_of_the_epochs(tools, start, epochs, averaged):
    trick = SWA(start=start)
    tools.fit([trick], epochs=epochs)
    assert trick.state_dict()["updates"] == averaged


@pytest.mark.parametrize("start", [0.0, 0.75])
def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path, start):
    tools.resumes(lambda: SWA(start=start), tmp_path)


def test_a_forgotten_average_is_noticed(tools, tmp_path):
    class Forgetful(SWA):
        def load_state_dict(self, state_dict):
            pass

    with pytest.raises(AssertionError):
        tools.resumes(lambda: Forgetful(start=0.0), tmp_path)


def test_the_pass_for_the_statistics_leaves_out_no_batch_of_a_loader_that_was_resumed(tools):
    class Resumed:
        """Once trained on, leaves out the first batches of its epoch, as the platform's loader does when resumed."""

        epoch, trained, batches = 0, False, tuple(tools.make_batches(3))

        def __len__(self):
            return len(self.batches)

        @property
        def sampler(self):
            return self

        def set_epoch(self, epoch):
            self.epoch = epoch

        def __iter__(self):
            for batch in self.batches[2 if self.trained and self.epoch == 0 else 0 :]:
                self.trained = self.trained or batch is self.batches[-1]
                yield batch

    loader = Resumed()
    fitted = tools.fit([SWA(start=0.0)], epochs=1, validate=False, loader=loader)
    assert (loader.trained, loader.epoch) == (True, 0)
    expected = renewed(tools, tools.copy_of(fitted.network))[0]
    torch.testing.assert_close(fitted.network[1].running_mean.double(), expected, atol=1e-5, rtol=0)


def test_a_network_without_batch_norm_is_averaged_too(tools):
    network = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    live = tools.At("on_train_batch_end")
    fitted = tools.fit([SWA(start=0.0)], callbacks=[live], network=network)
    expected = mean([live.seen[3], live.seen[7]])
    assert torch.allclose(fitted.network[0].weight.double(), expected["0.weight"], atol=1e-6)


def test_an_end_before_the_start_is_said(tools, caplog):
    class Stop(Mixup):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer.should_stop = True

    tools.fit([SWA(start=0.5), Stop(alpha=0.0)], epochs=4)
    assert "swa averaged nothing" in caplog.text


def test_two_averages_are_refused(tools):
    with pytest.raises(
        ValueError, match=r"^a run must have one average of its weights, got EMA and SWA; .*$"
    ):
        tools.fit([SWA(start=0.5), EMA(decay=0.9, warmup=False)])


def test_a_network_without_parameters_is_refused(weightless):
    with pytest.raises(ValueError, match=r"^the network must have trained parameters, .*$"):
        SWA(start=0.5).edit_network(weightless)


@pytest.mark.parametrize("start", [-0.1, 1.1, float("nan")])
def test_a_bad_start_is_refused(start):
    with pytest.raises(ValueError, match=r"^start must be in \[0, 1\], got .*; 1 switches it off$"):
        SWA(start=start)
