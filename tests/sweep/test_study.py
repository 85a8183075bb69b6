import shutil
from dataclasses import replace

import numpy as np
import pytest

from leaderboard.factory import LABEL, make_prediction, predictions_bytes
from podium.leaderboard.ensemble import PREDICTIONS_FILE
from podium.leaderboard.study_verdict import Verdict
from podium.metrics.classification import top_k_error
from podium.records.environment import Environment
from podium.records.files import sha256_of
from podium.records.record import DataPrint, RunRecord, Status, entry_hash
from podium.run.errors import ConfigError
from podium.run.folders import run_folder
from podium.run.study import load_study
from podium.sweep import lacking
from podium.sweep import study as sweep_study
from podium.sweep.study import run_study, study_command

DATA = DataPrint("mnist5k", "c" * 64, "d" * 64, {"train": 3600, "validation": 400, "test": 1000}, "e" * 64)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Whatever lacks is trained at once, with errors by initializer and losses by learning rate; what was asked for."""
    monkeypatch.chdir(tmp_path)
    asked = []

    def train(title, planned, *, concurrency, pack):
        asked.append(len(planned))
        for config in planned:
            best = config["initializer"].get("fan") == "in"
            rate = config["optimizer"]["lr"]
            error = (0.1 if best else 0.5) + 0.001 * config["seed"]
            RunRecord(
                name=config["name"],
                entry_hash=entry_hash(config),
                seed=config["seed"],
                run_key="0",
                status=Status.FINISHED,
                config=config,
                environment=Environment.capture(threads=1, gpus=[]),
                started="2026-01-02T03:04:05+00:00",
                data=DATA,
                metrics={"validation/loss": abs(rate - 0.03), "test/top1_error": error},
            ).save(run_folder(config))
        return []

    monkeypatch.setattr("podium.sweep.study.train_lacking", train)
    return asked


def test_a_study_trains_the_choice_and_then_what_was_chosen(trained, tmp_path):
    found = run_study(load_study("he_for_relu"), tmp_path / "page", concurrency=None, pack="off")
    assert trained == [3 * 4 * 2, 3 * 5]
    assert [one.candidate.value for one in found.variants] == [0.03] * 3
    assert found.verdict is Verdict.SUPPORTED
    assert len(list((tmp_path / "page").glob("records/*/record.json"))) == 24 + 15


def test_the_command_writes_a_page_and_the_book_and_says_the_verdict(trained, tmp_path, capsys):
    assert study_command("run", ["zeros_never_learn"], out=tmp_path / "pages", concurrency=1, pack="off") == 0
    said = capsys.readouterr().out
    assert "zeros_never_learn: contradicted: " in said  # those errors are no chance
    assert "doubt: records/" in said  # one key for all runs
    assert "found seed 0 again: the same run key" in said
    assert "zeros_never_learn/study.md" in (tmp_path / "pages" / "README.md").read_text(encoding="utf-8")
    page = tmp_path / "pages" / "zeros_never_learn" / "study.md"
    before = page.read_bytes()
    page.write_text("edited")
    assert study_command("pages", [], out=tmp_path / "pages", concurrency=None, pack="off") == 0
    assert page.read_bytes() == before


def test_of_all_studies_one_without_data_is_left_out_and_said(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("podium.sweep.study.study_names", lambda: ["he_for_relu", "zeros_never_learn"])
    train = sweep_study.train_lacking

    def lacks_data(title, planned, **words):
        if title.startswith("He"):
            raise ConfigError("data: datasets must hold one file, got none; set data.root")
        return train(title, planned, **words)

    monkeypatch.setattr("podium.sweep.study.train_lacking", lacks_data)
    options = {"out": tmp_path / "pages", "concurrency": 1, "pack": "off"}
    assert study_command("all", [], **options) == 1
    said = capsys.readouterr()
    assert "zeros_never_learn: contradicted: " in said.out
    assert "left out: he_for_relu: data: datasets must hold one file, got none" in said.err
    with pytest.raises(ConfigError, match="must hold one file"):
        study_command("run", ["he_for_relu"], **options)


def test_of_all_studies_a_costly_one_is_not_run_and_is_said(trained, tmp_path, monkeypatch, capsys):
    costly = "plain_against_residual_on_imagenet"
    monkeypatch.setattr("podium.sweep.study.study_names", lambda: [costly, "zeros_never_learn"])
    assert study_command("all", [], out=tmp_path / "pages", concurrency=1, pack="off") == 0
    said = capsys.readouterr().out
    assert f"not run: {costly} takes " in said
    assert "zeros_never_learn: contradicted: " in said
    assert f"| `{costly}` |" in (tmp_path / "pages" / "README.md").read_text(encoding="utf-8")


def test_a_study_of_what_was_learnt_scores_the_training_examples(trained, tmp_path, monkeypatch):
    scored = []

    def score(record, part):
        assert part == "train"
        scored.append(record.seed)
        return record.with_(metrics={**record.metrics, "train/top1_error": 0.001 * (1 + record.seed)})

    monkeypatch.setattr("podium.sweep.study.scored_again", score)
    study = load_study("random_labels_are_fitted")
    found = run_study(study, tmp_path / "page", concurrency=None, pack="off")
    assert scored == study.seeds * 3
    assert found.variants[0].values == {seed: 0.001 * (1 + seed) for seed in study.seeds}
    assert "Training top-1 error" in (tmp_path / "page" / "study.md").read_text(encoding="utf-8")
    run_study(load_study("zeros_never_learn"), tmp_path / "other", concurrency=None, pack="off")
    assert len(scored) == 15


@pytest.mark.parametrize(
    ("action", "names", "message"),
    [
        ("run", [], "podium study run takes one or more of .*zeros_never_learn.*, got none"),
        ("all", ["he_for_relu"], "podium study all takes nothing more, got he_for_relu"),
        ("run", ["he_for_rely"], "he_for_rely is not in conf/study"),
        ("pages", [], "out must be a folder of studies"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_one_line(action, names, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        study_command(action, names, out=tmp_path, concurrency=None, pack="off")


@pytest.fixture
def behind_another(trained, monkeypatch):
    """Whatever lacks is trained at once, and leaves a network; the status of those to come can be set."""
    train, left = sweep_study.train_lacking, {"status": Status.FINISHED}

    def leave(title, planned, **words):
        train(title, planned, **words)
        for config in planned:
            folder = run_folder(config)
            weights = entry_hash(config)
            record = RunRecord.load(folder).with_(files={"network.safetensors": weights}, **left)
            record.save(folder)
        return []

    monkeypatch.setattr("podium.sweep.study.train_lacking", leave)
    return left


FROZEN = replace(load_study("frozen_features_on_few_images"), seeds=[0, 1])
OPTIONS = {"concurrency": None, "pack": "off"}


def test_the_run_before_is_trained_first_and_its_network_is_what_the_variants_begin_with(
    trained, behind_another, tmp_path
):
    found = run_study(FROZEN, tmp_path / "page", **OPTIONS)
    assert trained == [1, 3 * 2]
    before = found.before.record
    assert (before.config["data"]["_target_"], before.seed) == ("podium.data.fashion_mnist.FashionMnist", 0)
    assert found.before.folder == f"runs/lecture-cnn-{before.entry_hash[:8]}-s0"
    weights = {record.name.split()[1]: record.config["network"]["weights"] for record in found.records}
    begun = f"{found.before.folder}/network.safetensors@{before.entry_hash[:16]}"
    assert weights == {"frozen": begun, "fine_tuned": begun, "scratch": None}
    page = (tmp_path / "page" / "study.md").read_text(encoding="utf-8")
    assert f"network.weights={found.before.folder} seed=0" in page


def test_the_run_before_is_found_again_and_trained_again_only_where_it_is_not_there(
    trained, behind_another, tmp_path, monkeypatch
):
    found = run_study(FROZEN, tmp_path / "page", **OPTIONS)
    asked = []
    monkeypatch.setattr("podium.sweep.study.train_lacking", lacking.train_lacking)
    monkeypatch.setattr(lacking, "_train_all", lambda title, configs, **_: asked.append(len(configs)))
    assert run_study(FROZEN, tmp_path / "page", **OPTIONS) == found
    assert asked == []
    shutil.rmtree(found.before.folder)
    with pytest.raises(ConfigError, match="the run before must finish, got none"):
        run_study(FROZEN, tmp_path / "page", **OPTIONS)
    assert asked == [1]


def test_nothing_is_trained_behind_a_run_that_did_not_finish(trained, behind_another, tmp_path):
    behind_another |= {"status": Status.DIVERGED, "metrics": None, "error": "the loss was NaN"}
    with pytest.raises(ConfigError, match=r"the run before must finish, got one that is diverged \(the loss"):
        run_study(FROZEN, tmp_path / "page", **OPTIONS)
    assert trained == [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"before": ["network=lecture_cn"]}, "lecture_cn is not in conf/network"),
        (
            {"before": ["network=lecture_cnn", "data=mnist5k", "data.split.seed=1"]},
            "network.weights=before must not",
        ),
        ({"variants": {**FROZEN.variants, "scratch": ["trainer.epochs=3"]}}, "trainer.epochs is not a key"),
        ({"variants": {**FROZEN.variants, "scratch": ["trainer.max_epochs=0"]}}, "max_epochs must"),
        ({"variants": {**FROZEN.variants, "scratch": ["network.weights=before"]}}, "variants must differ"),
    ],
)
def test_what_cannot_run_is_said_before_the_run_before_is_trained(
    trained, behind_another, tmp_path, changes, message
):
    with pytest.raises(ValueError, match=message):
        run_study(replace(FROZEN, **changes), tmp_path / "page", **OPTIONS)
    assert trained == []


def test_variants_that_are_the_same_experiment_are_refused_before_anything_is_trained(trained, tmp_path):
    study = load_study("zeros_never_learn")
    same = replace(
        study, variants={**study.variants, "zeros_dense_relu": study.variants["zeros_convolutional"]}
    )
    with pytest.raises(ValueError, match="variants must differ"):
        run_study(same, tmp_path / "page", **OPTIONS)
    assert trained == []


def test_without_that_look_the_run_before_would_have_been_trained_in_vain(
    trained, behind_another, tmp_path, monkeypatch
):
    monkeypatch.setattr("podium.run.study.check_apart", lambda *_: None)
    study = replace(FROZEN, before=["network=lecture_cnn", "data=mnist5k", "data.split.seed=1"])
    with pytest.raises(ConfigError, match="must not have been trained on what this run is tested on"):
        run_study(study, tmp_path / "page", **OPTIONS)
    assert trained == [1]


def test_the_values_of_an_ensemble_are_those_of_its_members_mean_probabilities(
    trained, tmp_path, monkeypatch
):
    train, answers = sweep_study.train_lacking, {}

    def leave(title, planned, **words):
        train(title, planned, **words)
        for config in planned:
            seed, folder = config["seed"], run_folder(config)
            answers[seed] = make_prediction(0.3, np.random.default_rng(seed))
            (folder / PREDICTIONS_FILE).write_bytes(predictions_bytes(answers[seed]))
            digest = sha256_of(folder / PREDICTIONS_FILE)
            RunRecord.load(folder).with_(run_key=folder.name, files={PREDICTIONS_FILE: digest}).save(folder)
        return []

    monkeypatch.setattr("podium.sweep.study.train_lacking", leave)
    study = replace(load_study("ensemble_of_seven"), members={"seven": 3}, seeds=[0, 1, 2])
    found = run_study(study, tmp_path / "page", **OPTIONS)
    assert trained == [3 * 3 + 3]
    seven, one = found.variants
    for seed, members in {0: (3, 4, 5), 1: (6, 7, 8), 2: (9, 10, 11)}.items():
        mean = np.mean([answers[member].astype(np.float64) for member in members], axis=0)
        assert seven.values[seed] == top_k_error(mean, LABEL, 1)
    assert one.values == {seed: 0.5 + 0.001 * seed for seed in range(3)}
    assert len(list((tmp_path / "page").glob("records/*/record.json"))) == 12
    command = {"out": tmp_path, "concurrency": None, "pack": "off"}
    page = (tmp_path / "page" / "study.md").read_bytes()
    assert study_command("pages", [], **command) == 0
    assert (tmp_path / "page" / "study.md").read_bytes() == page


def without_probabilities():
    """The study of ensembles, of networks that put numbers out."""
    study = load_study("ensemble_of_seven")
    regression = ["data=adding", "network=gru_regression"]
    return replace(study, overrides=regression, variants={"seven": [], "one": []}, metric="test/rmse")


def test_ensembles_without_class_probabilities_are_refused_before_anything_is_trained(trained, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run_study(without_probabilities(), tmp_path / "page", **OPTIONS)
    assert str(refused.value) == (
        "members must be of runs that predict class probabilities, got seven with task=Regression; "
        "leave seven out of members"
    )
    assert trained == []


def test_without_that_look_the_members_would_have_been_trained_in_vain(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("podium.sweep.study.check_members", lambda *_: None)
    with pytest.raises(ValueError, match="ensembles are of runs that predict class probabilities"):
        run_study(without_probabilities(), tmp_path / "page", **OPTIONS)
    assert trained == [7 * 5 + 5]
