"""The read-out is scikit-learn's ridge regression."""

import numpy as np
import pytest
import torch
from rules import make_task
from sklearn.linear_model import Ridge
from torch import nn

from podium.contracts import Batch
from podium.networks.echo_state import EchoState
from podium.run.assemble import compose
from podium.run.build import build
from podium.run.engine import loop, training_loader
from podium.tasks.ridge_readout import RidgeReadout


def echo_state(**changes):
    torch.manual_seed(0)
    plain = {
        "in_shape": [2, 9],
        "num_classes": 3,
        "units": 20,
        "spectral_radius": 0.9,
        "density": 0.3,
        "leak": 0.5,
        "input_scale": 1.0,
        "readout": "mean",
    }
    return EchoState(**plain | changes)


def batches(count=3):
    torch.manual_seed(1)
    return [Batch(torch.randn(15, 2, 9), torch.randint(3, (15,))) for _ in range(count)]


def ridge(network, seen, penalty):
    features = torch.cat([network.echoes(batch.input) for batch in seen]).double().numpy()
    signs = 2.0 * np.eye(3)[torch.cat([batch.target for batch in seen])] - 1
    return Ridge(alpha=penalty).fit(features, signs)


@pytest.mark.parametrize("penalty", [1e-3, 1.0, 100.0])
def test_behind_every_batch_it_is_the_solution_for_all_that_were_seen(penalty):
    network = echo_state()
    task, seen = make_task(RidgeReadout, network, num_classes=3, penalty=penalty), []
    for batch in batches():
        _, corrections = task.corrections(batch)
        with torch.no_grad():
            for parameter, correction in corrections.items():
                parameter.add_(correction)
        seen.append(batch)
        theirs = ridge(network, seen, penalty)
        np.testing.assert_allclose(network.output.weight.detach(), theirs.coef_, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(network.output.bias.detach(), theirs.intercept_, rtol=1e-4, atol=1e-5)


def test_a_run_predicts_what_scikit_learns_ridge_predicts_and_a_second_epoch_changes_nothing(tmp_path):
    for epochs in (1, 2):
        config = compose(
            [
                "network=echo_state",
                "data=mnist1d",
                "data.view.fraction=0.1",
                "network.units=30",
                "optimizer=sgd",
                "optimizer.lr=1",
                f"trainer.max_epochs={epochs}",
                "runtime.accelerator=cpu",
                f"paths.data={tmp_path}",
            ]
        )
        parts = build(config)
        parts.data.prepare_data()
        parts.data.setup("fit")
        loop(parts, tmp_path, [], loader=training_loader(parts, seed=0), checkpoint=None)
        train, test = (parts.data.examples(split).batch(slice(None)) for split in ("train", "test"))
        network = parts.network.eval()
        features = network.echoes(train.input).double().numpy()
        fitted = Ridge(alpha=1.0).fit(features, 2.0 * np.eye(10)[train.target] - 1)
        with torch.no_grad():
            ours = network(test.input).numpy()
        theirs = fitted.predict(network.echoes(test.input).double().numpy())
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"penalty must be positive and finite, got 0; set task\.penalty"):
        make_task(RidgeReadout, echo_state(), num_classes=3, penalty=0)
    with pytest.raises(ValueError, match=r"network must have a linear layer called output, got Flatten; set"):
        make_task(RidgeReadout, nn.Flatten(), num_classes=3, penalty=1.0)
