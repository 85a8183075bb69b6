import numpy as np
import pytest
import torch
from torch import nn

from podium.tricks.dropout import Dropout
from podium.tricks.ema import EMA
from podium.tricks.logistic_head import LogisticHead, _write, fit
from podium.tricks.spectral_norm import SpectralNorm

STRENGTHS = [0.01, 1.0, 100.0]


def features(network, layer):
    """All training examples of the tiny problem, in front of the last layer."""
    batches = list(Tools.make_batches(3))
    seen = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    for batch in batches:
        network.eval()(batch.input)
    hook.remove()
    network.train()
    return torch.cat(seen).numpy(), torch.cat([batch.target for batch in batches]).numpy()


class Tools:
    make_batches = None


@pytest.fixture(autouse=True)
def batches(tools):
    Tools.make_batches = staticmethod(tools.make_batches)


def head(**changes):
    return LogisticHead(**{"strengths": STRENGTHS, "folds": 3, "features": features} | changes)


def reference(x, y, *, strength, classes):
    """The same minimum by torch's own LBFGS, on standardised features."""
    z = torch.from_numpy((x - x.mean(0)) / x.std(0)).double()
    layer = nn.Linear(x.shape[1], classes).double()
    optimizer = torch.optim.LBFGS(
        layer.parameters(), max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(layer(z), torch.from_numpy(y), reduction="sum")
        value = value + strength / 2 * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return layer(z).softmax(1).detach()


def blobs(classes, seed=0):
    draw = np.random.RandomState(seed)
    y = np.arange(60) % classes
    return draw.randn(60, 4) * [1, 5, 0.1, 3] + y[:, None] * [1, 2, 0.1, 0] + 7, y


@pytest.mark.parametrize("classes", [2, 3])
def test_the_layer_gives_the_probabilities_of_penalised_logistic_regression(classes):
    x, y = blobs(classes)
    fitted = fit(x, y, strengths=[2.0], folds=3, bias=True)
    logits = torch.from_numpy(x @ fitted.weight.T + fitted.bias)
    if (
        classes == 2
    ):  # one row, the logit of class 1; softmax has twice the weights of a sigmoid, each of half the size
        probability = torch.sigmoid(logits[:, 0])
        expected = reference(x, y, strength=4.0, classes=2)[:, 1]
    else:
        probability, expected = logits.softmax(1), reference(x, y, strength=2.0, classes=classes)
    torch.testing.assert_close(probability, expected, atol=2e-3, rtol=0)
    chosen = torch.from_numpy(y)
    p = probability if classes > 2 else torch.stack([1 - probability, probability], 1)
    assert fitted.loss == pytest.approx(-p[range(60), chosen].log().mean().item(), rel=1e-3)


def test_the_strength_is_the_one_of_the_lowest_loss_over_the_folds():
    """Features that say nothing want the greatest, features that say all and are plenty a smaller one."""
    x, y = blobs(3)
    noise = np.random.RandomState(1).randn(*x.shape)
    assert fit(noise, y, strengths=STRENGTHS, folds=3, bias=True).strength == 100.0
    assert fit(x, y, strengths=STRENGTHS, folds=3, bias=True).strength == 1.0


def test_a_layer_without_bias_gets_none():
    x, y = blobs(3)
    fitted = fit(x, y, strengths=[1.0], folds=3, bias=False)
    assert not fitted.bias.any()


def test_no_step_is_taken_and_only_the_last_layer_changes(tools, network):
    before = tools.copy_of(network)
    fitted = tools.fit([head()], epochs=5)
    after = tools.copy_of(fitted.network)
    assert {name for name in after if not torch.equal(before[name], after[name])} == {"3.weight", "3.bias"}
    assert fitted.trainer.global_step == 0
    assert not fitted.trainer.state.stage


def test_the_network_answers_as_the_regression_does(tools):
    network = tools.fit([head()]).network.eval()
    x, y = features(network, network[3])
    wanted = fit(x.astype(np.float64), y, strengths=STRENGTHS, folds=3, bias=True)
    network.eval()
    found = torch.cat([network(batch.input) for batch in tools.make_batches(3)]).detach()
    expected = torch.from_numpy(x @ wanted.weight.T + wanted.bias).float()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_strength_and_losses_are_recorded(tools):
    task = tools.fit([head()]).task
    recorded = task.meter.flush()
    assert recorded.keys() == {"train/loss", "train/strength", "train/cross_validated_loss"}
    assert recorded["train/strength"] in [pytest.approx(strength) for strength in STRENGTHS]
    assert recorded["train/loss"] < recorded["train/cross_validated_loss"]


def test_the_end_of_the_strengths_is_named(tools, caplog):
    tools.fit([head(strengths=[1e-9, 1e-8])])
    assert "logistic_head chose the last of its strengths" in caplog.text


def test_fewer_examples_of_a_class_than_folds_are_refused(tools):
    message = r"^every class must have 30 training examples, one a fold, got \d+ of class \d; set .*folds=2, or take"
    with pytest.raises(ValueError, match=message):
        tools.fit([head(folds=30)])


def test_tricks_that_act_in_training_are_refused_and_others_not(tools):
    message = r"^a run with a logistic head must have no trick that acts in training, got EMA; leave one of both out$"
    with pytest.raises(ValueError, match=message):
        tools.fit([EMA(decay=0.9, warmup=False), head()])
    tools.fit([Dropout(p=0.1, input_p=0.0, output_p=0.0), head()])


def test_networks_that_do_not_end_in_a_plain_linear_layer_are_refused(tools):
    message = r"^the network must hold a plain linear layer at its end, .* leave this trick out$"
    with pytest.raises(ValueError, match=message):
        tools.fit([SpectralNorm(power_iterations=1), head()])
    with pytest.raises(ValueError, match=message):
        tools.fit(
            [head()],
            network=nn.Sequential(nn.Linear(6, 4), nn.Unflatten(1, (4, 1)), nn.Conv1d(4, 3, 1), nn.Flatten()),
        )


def test_two_classes_of_a_softmax_get_the_difference_of_both(tools):
    x, y = blobs(2)
    layer = nn.Linear(4, 2)
    fitted = fit(x, y, strengths=[1.0], folds=3, bias=True)
    _write(layer, fitted)
    found = layer(torch.from_numpy(x).float()).softmax(1)[:, 1]
    expected = torch.sigmoid(torch.from_numpy(x @ fitted.weight.T + fitted.bias)[:, 0]).float()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strengths", [[], [0.0], [1.0, -1.0], [float("inf")], [float("nan")]])
def test_bad_strengths_are_refused(strengths):
    with pytest.raises(
        ValueError, match=r"^strengths must be positive numbers, got .*; set tricks\.logistic_head"
    ):
        head(strengths=strengths)


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match=r"^folds must be at least 2, got 1; 5 is usual$"):
        head(folds=1)
