"""PodiumClassifier is a scikit-learn estimator that trains as podium does, and leaves nothing behind."""

import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import estimator_checks_generator

import podium
from podium.run import estimator
from podium.run.errors import ConfigError
from podium.run.estimator import PodiumClassifier, as_override

QUICK = ("trainer.max_epochs=2",)
X, Y = load_iris(return_X_y=True)
# It runs only where scipy was told to dispatch on array libraries; arrays other than numpy's are not promised.
NOT_PROMISED = {"check_array_api_input"}


def checks() -> Iterator[Any]:
    for model, check in estimator_checks_generator(PodiumClassifier()):
        name = check.func.__name__
        if name not in NOT_PROMISED:
            yield pytest.param(model, check, id=f"{name} {check.keywords or ''}".strip())


@pytest.mark.parametrize(("model", "check"), list(checks()))
def test_it_passes_the_checks_of_scikit_learn(model: Any, check: Any) -> None:
    check(model)


def test_it_learns_and_the_seed_decides_every_bit() -> None:
    same = [
        PodiumClassifier(["trainer.max_epochs=30", "optimizer.lr=0.01"], seed=seed).fit(X, Y)
        for seed in (0, 0, 1)
    ]
    assert same[0].score(X, Y) > 0.9
    first, again, other = (model.predict_proba(X) for model in same)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.allclose(first.sum(axis=1), 1)
    assert [len(values) for name, values in same[0].history_.items() if name.startswith("validation/")] == [
        30,
        30,
    ]


def test_a_grid_search_tunes_values_by_their_own_names_and_choices() -> None:
    grid = {"optimizer.lr": [1e-6, 0.03], "network": ["linear", "dense32"], "overrides": [QUICK]}
    search = GridSearchCV(PodiumClassifier(), grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_params_["optimizer.lr"] == 0.03
    best = search.best_estimator_
    assert best.config_["optimizer"]["lr"] == 0.03
    assert best.config_["trainer"]["max_epochs"] == 2
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 4
    assert scores.max() > scores.min() + 0.2


def test_values_by_name_are_parameters_and_those_that_were_not_given_are_none() -> None:
    model = PodiumClassifier(QUICK, **{"network.widths": [8]})
    assert model.get_params() == {"overrides": QUICK, "seed": 0, "network.widths": [8]}
    copied = clone(model).set_params(**{"network.widths": [4, 4], "seed": 3})
    assert copied.get_params() == {"overrides": QUICK, "seed": 3, "network.widths": [4, 4]}
    assert model.get_params()["network.widths"] == [8]
    assert copied.fit(X, Y).config_["network"]["widths"] == [4, 4]
    assert "network.widths" not in PodiumClassifier().get_params()


def test_images_keep_their_shape_and_labels_are_any_values() -> None:
    digits = load_digits()
    images = digits.images[:300, None]
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    chosen = ["network=lecture_cnn", "trainer.max_epochs=3", "augment=channel_shift"]
    model = PodiumClassifier(chosen).fit(images, names[digits.target[:300]])
    assert model.config_["data"]["shape"] == [1, 8, 8]
    assert set(model.predict(images[:20])) <= set(names)
    assert model.score(images, names[digits.target[:300]]) > 0.5
    with pytest.raises(
        ValueError, match=r"X must hold samples of shape \[1, 8, 8\], as in fit, got \[1, 4, 16\]"
    ):
        model.predict(images.reshape(-1, 1, 4, 16))


def test_initialisers_that_want_data_find_those_of_fit() -> None:
    PodiumClassifier([*QUICK, "initializer=lsuv"]).fit(X, Y)


def state() -> list[Any]:
    """What training sets for a whole process."""
    return [
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        dict(os.environ),
    ]


def test_the_process_and_the_folder_are_left_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    random.seed(5)
    threads = torch.get_num_threads()
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(2)
    try:
        before = state()
        PodiumClassifier(QUICK).fit(X, Y).predict(X)
        assert state() == before
        monkeypatch.setattr(estimator, "isolated", nullcontext)
        PodiumClassifier(QUICK).fit(X, Y)
        changed = [after != was for after, was in zip(state(), before, strict=True)]
        assert all(changed)
        assert list(tmp_path.iterdir()) == []
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(False)


def test_a_saved_model_predicts_the_same_without_the_training_data() -> None:
    many = np.tile(X, (400, 1))
    model = PodiumClassifier(["trainer.max_epochs=1", "data.batch_size=4096"]).fit(many, np.tile(Y, 400))
    saved = pickle.dumps(model)
    assert len(saved) < 200_000 < many.astype(np.float32).nbytes
    assert np.array_equal(pickle.loads(saved).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (PodiumClassifier(["data=digits"]), "the data must be X and y, got data=digits; leave it out"),
        (
            PodiumClassifier(**{"optimizer.lrr": 1}),
            "optimizer.lrr is not a key .*; did you mean optimizer.lr",
        ),
        (
            PodiumClassifier(**{"optimizer.lr": object()}),
            "a value must be a number, text, list or null, got object",
        ),
        (PodiumClassifier(**{"optimizer.lr": -1.0}), "optimizer: "),
        (PodiumClassifier(["network=resnet20_cifar"]), "."),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_fit_in_one_line(
    model: PodiumClassifier, message: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{message}") as error:
        model.fit(X, Y)
    assert "\n" not in str(error.value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="ascii", min_codepoint=32)),
    lambda items: st.lists(items, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=200)
@given(VALUES)
def test_a_value_survives_the_syntax_of_overrides(value: Any) -> None:
    if value != "" and "${" not in str(value):
        assert plain(OverridesParser.create().parse_override(f"key={as_override(value)}").value()) == value
    assert as_override(np.float64(0.5)) == as_override(0.5)


def plain(value: Any) -> Any:
    """Hydra keeps quotes beside a text."""
    return [plain(item) for item in value] if isinstance(value, list) else getattr(value, "text", value)


def test_importing_podium_stays_light_and_still_offers_the_classifier() -> None:
    code = "import podium, sys; assert not {'torch', 'sklearn', 'numpy'} & set(sys.modules), 'heavy'"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert podium.PodiumClassifier is PodiumClassifier
