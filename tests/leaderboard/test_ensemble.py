import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from podium.leaderboard.ensemble import Pool, make_ensemble, total_costs
from podium.metrics.classification import top_k_error
from podium.records.record import RunRecord, Status, entry_hash

from .factory import write_runs

LABEL = np.array([0, 0, 1, 1])
SURE, WRONG = [[0.9, 0.1]] * 2 + [[0.1, 0.9]] * 2, [[0.4, 0.6], [0.9, 0.1], [0.1, 0.9], [0.6, 0.4]]


def pool(*members):
    made = Pool(LABEL)
    for probability in members:
        made.add(np.array(probability, dtype=np.float32))
    return made


def test_probabilities_are_averaged_in_double_precision_whatever_the_order():
    draw = np.random.RandomState(0)
    members = [draw.dirichlet([1, 1], size=4).astype(np.float32) for _ in range(7)]
    forward, backward = pool(*members).probability, pool(*members[::-1]).probability
    assert forward.dtype == np.float64
    np.testing.assert_allclose(forward, sum(m.astype(np.float64) for m in members) / 7, rtol=1e-12)
    np.testing.assert_allclose(forward, backward, rtol=1e-12)


def test_the_gain_is_the_paired_difference_to_the_mean_member():
    made = pool(SURE, WRONG)
    assert made.errors == [0.0, 0.5]
    wrong = np.array([[0, 0, 0, 0], [1, 0, 0, 1]]).mean(axis=0)
    difference = (made.probability.argmax(1) != LABEL) - wrong
    half = 1.959964 * difference.std(ddof=1) / 2
    gain = made.gain()
    assert gain.difference == pytest.approx(difference.mean()) == pytest.approx(-0.25)
    assert (gain.low, gain.high) == pytest.approx((-0.25 - half, -0.25 + half))


def test_members_that_agree_gain_nothing():
    gain = pool(WRONG, WRONG, WRONG).gain()
    assert (gain.difference, gain.low, gain.high) == (0, 0, 0)


def test_costs_are_those_of_all_members():
    one = {
        "parameters": 10.0,
        "multiply_adds": 8.0,
        "train_s": 2.0,
        "depth": 3.0,
        "inference_images_per_s": 100.0,
    }
    total = total_costs([one, {**one, "depth": 5.0, "inference_images_per_s": 50.0, "other": 1.0}])
    assert total["parameters"] == 20
    assert total["multiply_adds"] == 16
    assert total["train_s"] == 4
    assert total["depth"] == 5
    assert total["inference_images_per_s"] == pytest.approx(1 / (1 / 100 + 1 / 50))
    assert "other" not in total


@pytest.fixture
def folders(tmp_path):
    return write_runs(tmp_path / "runs", ["dense32"], range(3))


def test_an_ensemble_is_made_of_records_and_predictions_alone(folders):
    found = make_ensemble(folders)
    arrays = [dict(np.load(folder / "predictions.npz")) for folder in folders]
    mean = np.mean([one["probability"].astype(np.float64) for one in arrays], axis=0)
    np.testing.assert_allclose(found.arrays["probability"], mean)
    assert found.metrics["test/top1_error"] == top_k_error(mean, arrays[0]["label"], 1)
    assert found.errors == [RunRecord.load(folder).metrics["test/top1_error"] for folder in folders]
    assert found.costs["parameters"] == 3 * RunRecord.load(folders[0]).costs["parameters"]
    assert found.digest == make_ensemble(folders[::-1]).digest != make_ensemble(folders[:2]).digest


def test_members_must_be_two_or_more_different_runs(folders, tmp_path):
    with pytest.raises(ValueError, match="needs two runs or more, got 1"):
        make_ensemble(folders[:1])
    shutil.copytree(folders[0], tmp_path / "copy")
    with pytest.raises(ValueError, match=r"members must differ, got .* the same run"):
        make_ensemble([*folders, tmp_path / "copy"])


def edit(folder, **changes):
    RunRecord.load(folder).with_(**changes).save(folder)


def test_members_must_have_finished_on_the_same_data(folders):
    edit(folders[1], status=Status.DIVERGED)
    with pytest.raises(ValueError, match=r"must have finished, got .*, which is diverged"):
        make_ensemble(folders)
    record = RunRecord.load(folders[1])
    edit(folders[1], status=Status.FINISHED, data=replace(record.data, content="other"))
    with pytest.raises(ValueError, match="must be of one data set"):
        make_ensemble(folders)
    edit(folders[1], data=record.data)
    assert len(make_ensemble(folders).members) == 3


@pytest.mark.parametrize("number", [1, 3])
def test_members_without_class_probabilities_are_refused_before_predictions_are_read(folders, number):
    for folder in folders:
        config = {**RunRecord.load(folder).config, "task": {"_target_": "podium.tasks.regression.Regression"}}
        edit(folder, config=config, entry_hash=entry_hash(config))
        (folder / "predictions.npz").unlink()
    with pytest.raises(
        ValueError,
        match=r"^ensembles are of runs that predict class probabilities, got task=Regression in .*s0; name runs of",
    ):
        make_ensemble(folders[:number])


def test_predictions_that_were_edited_are_found(folders):
    path = folders[2] / "predictions.npz"
    arrays = dict(np.load(path))
    arrays["probability"][0] = arrays["probability"][0][::-1]
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="must be the file that its record names"):
        make_ensemble(folders)


def test_the_interval_covers_the_true_gain_in_nearly_all_test_sets():
    draw = np.random.RandomState(1)
    covered = 0
    for _ in range(300):
        label = np.zeros(400, dtype=np.int64)
        made = Pool(label)
        common = draw.standard_normal(400)
        for _ in range(3):
            score = 0.5 + common + draw.standard_normal(400)
            made.add(np.stack([1 / (1 + np.exp(-score)), 1 / (1 + np.exp(score))], axis=1))
        gain = made.gain()
        covered += gain.low <= -0.0292 <= gain.high  # of two million examples
    assert covered >= 270
    assert not math.isnan(gain.low)
