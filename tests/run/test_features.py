"""Frozen features: what goes into the last layer, kept on the disk for what they were made of alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import podium.run.features as module
from podium.records.record import Status, entry_hash
from podium.run.build import build
from podium.run.errors import ConfigError
from podium.run.features import features_of, training_features
from podium.run.folders import WEIGHTS_FILE, run_folder
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]
HEAD = ("tricks=[logistic_head]", "tricks.logistic_head.strengths=[0.1,1,10]", "tricks.logistic_head.folds=2")


def parts(config: dict[str, Any]) -> Any:
    found = build(config)
    found.data.setup("fit")
    return found


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How often features were computed: None for a whole split, a number for so many examples."""
    seen: list[int | None] = []

    def counted(*args: Any, most: int | None = None) -> Any:
        seen.append(most)
        return features_of(*args, most=most)

    monkeypatch.setattr(module, "features_of", counted)
    return seen


def cached(config: dict[str, Any], found: Any) -> np.ndarray:
    x, _ = training_features(config, "cached", lambda: found.data)(found.network, found.network.output)
    return x


def test_features_are_those_of_the_training_split_in_its_order_and_leave_the_network_as_it_was(
    settings: Settings,
) -> None:
    config = settings()
    found = parts(config)
    x, y = training_features(config, "computed", lambda: found.data)(found.network, found.network.output)
    examples = found.data.examples("train")
    assert y.tolist() == examples.target.tolist()
    assert found.network.training
    with torch.no_grad():
        logits = found.network.output(torch.from_numpy(x))
        torch.testing.assert_close(logits, found.network(examples.batch(slice(None)).input))


def test_the_same_weights_and_data_compute_once(settings: Settings, passes: list[int | None]) -> None:
    config = settings()
    first = cached(config, parts(config))
    assert passes == [8, None]
    again = cached(config, parts(config))
    assert passes == [8, None, 8]
    assert np.array_equal(first, again)


OTHERS = {
    "weights": ["seed=1"],
    "split": ["data.split.seed=1"],
    "view": ["data.view.standardize=pixel"],
    "labels": ["data.view.random_labels_seed=0"],
    "what the network does with the same weights": ["network.activation=tanh"],
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_features_are_computed_for_other(
    settings: Settings, passes: list[int | None], what: str
) -> None:
    config = settings()
    cached(config, parts(config))
    del passes[:]
    other = settings(*OTHERS[what])
    found = parts(other)
    assert np.array_equal(
        cached(other, found), features_of(found.network, found.network.output, found.data.examples("train"))
    )
    assert None in passes, what


def test_a_key_without_probes_would_mistake_one_network_for_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PROBES", 0)
    keys = []
    for activation in ("relu", "tanh"):
        found = parts(settings(f"network.activation={activation}", "initializer=zeros"))
        monkeypatch.setattr(module, "features_of", lambda *args, most=None: np.zeros(1))
        keys.append(module._key(found.network, found.network.output, found.data))
    assert keys[0] == keys[1]


def test_the_last_layers_own_weights_change_nothing(settings: Settings, passes: list[int | None]) -> None:
    config = settings()
    found = parts(config)
    cached(config, found)
    torch.nn.init.zeros_(found.network.output.weight)
    cached(config, found)
    assert passes == [8, None, 8]


def spoil(path: Any, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "bit":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(_of_another(path))


def _of_another(path: Any) -> bytes:
    """A whole file of other features under another name."""
    other = path.with_name(f"{'1' * 64}.npz")
    module._cached(other, lambda: np.ones((3, 3), dtype=np.float32))
    return bytes(other.read_bytes())


@pytest.mark.parametrize("how", ["cut", "bit", "empty", "another's"])
def test_a_file_that_is_damaged_or_anothers_is_never_used(
    settings: Settings, passes: list[int | None], caplog: pytest.LogCaptureFixture, how: str
) -> None:
    config = settings()
    found = parts(config)
    first = cached(config, found)
    (path,) = (run_folder(config).parents[1] / "data" / "features").glob("*.npz")
    spoil(path, how)
    del passes[:]
    assert np.array_equal(cached(config, found), first)
    assert passes == [8, None]
    assert "was damaged; its features are computed again" in caplog.text
    assert np.array_equal(cached(config, found), first)
    assert passes == [8, None, 8]


def test_without_its_hash_a_damaged_file_would_be_used(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings()
    found = parts(config)
    monkeypatch.setattr(module, "_sha256", lambda *_: "unchecked")
    first = cached(config, found)
    (path,) = (run_folder(config).parents[1] / "data" / "features").glob("*.npz")
    np.savez(path.with_suffix(""), features=first + 1, sha256=np.array("unchecked"))
    assert not np.array_equal(cached(config, found), first)


def test_a_network_that_goes_on_behind_its_last_layer_is_refused(settings: Settings) -> None:
    found = parts(settings())
    found.network.register_forward_hook(lambda _, __, output: 2 * output)
    with pytest.raises(
        ValueError, match=r"^the network must give what its last layer gives, got .* behind it; choose"
    ):
        features_of(found.network, found.network.output, found.data.examples("train"))


def test_augmentation_is_refused_and_not_ignored(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"^augment must be none where .*, got flip; set augment=none$"):
        build(settings(*HEAD, "augment=flip"))


def test_a_run_of_no_epoch_leaves_a_record_like_any_other(settings: Settings) -> None:
    config = settings(*HEAD)
    record = train(config)
    assert record.status is Status.FINISHED
    assert record.metrics is not None
    assert record.history is not None
    assert record.metrics["test/top1_error"] < 0.3
    assert record.history.keys() == {"train/loss", "train/strength", "train/cross_validated_loss"}
    assert [step for step, _ in record.history["train/strength"]] == [0]
    assert record.history["train/strength"][0][1] in (0.1, 1, 10)
    assert {"confusion_matrix.png", "learning_curves.png", WEIGHTS_FILE} <= record.files.keys()
    fresh = build(settings()).network.state_dict()
    saved = safetensors.torch.load_file(run_folder(config) / WEIGHTS_FILE)
    assert {name for name in saved if not torch.equal(saved[name], fresh[name])} == {
        "output.weight",
        "output.bias",
    }
    assert record.costs is not None
    assert record.costs["train_s"] > 0


def test_whether_features_are_kept_is_no_part_of_the_entry_and_the_folds_are(settings: Settings) -> None:
    one, same, other = (
        settings(*HEAD),
        settings(*HEAD, "tricks.logistic_head.features=computed"),
        settings(*HEAD, "tricks.logistic_head.folds=3"),
    )
    assert entry_hash(one) == entry_hash(same) != entry_hash(other)
