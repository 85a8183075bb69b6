import math

import pytest
import torch

from podium.data.arrays import Arrays
from podium.leaderboard.study import Candidate, check_candidates
from podium.run.assemble import check_run
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.folders import run_folder
from podium.run.propagation import LayerSignal
from podium.run.study import (
    candidate_configs,
    entry_hash_of,
    load_study,
    signal_record,
    strays,
    study_names,
)
from podium.run.study_scores import active_features, moved, scored_again
from podium.run.train import train


@pytest.mark.parametrize("name", study_names())
def test_every_variant_of_a_study_composes_and_differs_from_the_others(name):
    study = load_study(name)
    candidates = []
    for variant in study.variants:
        for value in study.choose.values if study.choose else [None]:
            configs = candidate_configs(study, variant, value, study.seeds[:2])
            check_run(configs[0])
            candidates.append(Candidate(variant, value, entry_hash_of(configs)))
    check_candidates(study, candidates)
    assert len(study.seeds) >= 5


def test_a_study_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"zeros_ever_learn is not in conf/study; .*zeros_never_learn"):
        load_study("zeros_ever_learn")


def test_an_error_in_a_study_names_its_file(tmp_path, monkeypatch):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "odd.yaml").write_text("title: Odd\n")
    monkeypatch.setattr("podium.run.study.conf_dir", lambda: tmp_path)
    with pytest.raises(ConfigError, match=r"conf/study/odd.yaml: claim is required"):
        load_study("odd")


def layers(forward, backward):
    return [
        LayerSignal(name=str(k), forward=f, equal=False, backward=b)
        for k, (f, b) in enumerate(zip(forward, backward, strict=True))
    ]


def test_a_signal_strays_by_its_farthest_layer_without_the_output():
    found = strays(layers([1.0, 0.25, 2.0, 99.0], [2.0, 1.0, 1.0, 99.0]))
    assert found == {"signal/doublings": 2.0, "signal/gradient_doublings": 1.0}
    assert strays(layers([1.0, 0.0, 1.0], [1.0, 1.0, 1.0]))["signal/doublings"] == math.inf


def small_config():
    (config,) = candidate_configs(load_study("he_keeps_the_signal"), "he_normal", None, [0])
    config["network"]["widths"] = [32, 32, 32]
    config["data"] = {**config["data"], "batch_size": 16}
    return config


def lost_config():
    return small_config() | {
        "initializer": {"_target_": "podium.layers.initializers.Zeros", "exceptions": {}}
    }


def test_a_network_before_training_has_a_record_and_one_of_zeros_counts_as_diverged():
    config = small_config()
    record = signal_record(config)
    assert str(record.status) == "finished"
    assert 0 < record.metrics["signal/doublings"] < 3
    again = signal_record(config)
    assert again.metrics == record.metrics
    lost = signal_record(lost_config())
    assert str(lost.status) == "diverged"
    assert "a layer gives nothing" in lost.error


def test_the_examples_that_a_run_learnt_are_scored_by_its_saved_network(settings):
    record = train(settings("optimizer.lr=0.01", "trainer.max_epochs=5"))
    found = scored_again(record, "train")
    assert found.with_(metrics=record.metrics) == record
    assert set(found.metrics) - set(record.metrics) == {"train/loss", "train/top1_error", "train/top3_error"}
    assert 0 < found.metrics["train/top1_error"] < 0.5
    wrong = found.metrics["train/top1_error"] * record.data.sizes["train"]
    assert wrong == pytest.approx(round(wrong))


def test_a_run_without_metrics_stays_without():
    lost = signal_record(lost_config())
    assert scored_again(lost, "moved") is lost


def test_images_are_moved_by_two_pixels_in_four_directions_and_their_edge_fills_the_rest():
    images = torch.arange(25.0).view(1, 1, 5, 5)
    found = moved(Arrays(images, torch.tensor([3]), torch.tensor([7])))
    assert found.target.tolist() == [3] * 4
    assert found.index.tolist() == [7] * 4
    up, down, left, right = found.input[:, 0]
    assert up[:, 0].tolist() == [0, 0, 0, 5, 10]
    assert down[:, 0].tolist() == [10, 15, 20, 20, 20]
    assert left[0].tolist() == [0, 0, 0, 1, 2]
    assert right[0].tolist() == [2, 3, 4, 4, 4]
    with pytest.raises(ConfigError, match="requires images, got samples of 2 axes"):
        moved(Arrays(images[0], torch.tensor([3]), torch.tensor([7])))


def test_moved_test_images_are_scored_beside_the_test_split(settings):
    record = train(settings())
    found = scored_again(record, "moved").metrics
    assert found["moved/top1_error"] > found["test/top1_error"] == record.metrics["test/top1_error"]


def test_active_features_are_what_the_output_layer_gets_above_zero(settings):
    config = settings("network=dense32")
    train(config)
    _, parts = trained(run_folder(config))
    with torch.no_grad():
        features = parts.network.eval().hidden(parts.data.examples("test").batch(slice(None)).input)
    share = float((features > 0).double().mean())
    assert 0.1 < share < 0.9
    assert active_features(parts) == pytest.approx(share)
