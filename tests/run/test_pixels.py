"""Segmentation and detection from data to record: they train, resume to the same bits, and leave pictures behind."""

import numpy as np
import pytest

from podium.data import shapes_detection, shapes_segmentation
from podium.metrics import evaluate
from podium.records.record import Status
from podium.run.assemble import compose
from podium.run.build import build
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate as evaluate_again
from podium.run.folders import run_folder
from podium.run.train import train

COMMON = (
    "trainer.max_epochs=2",
    "tracking=none",
    "runtime.progress=false",
    "runtime.accelerator=cpu",
    "data.checksum=null",
)
UNET = (
    "network=unet",
    "network.width=0.0625",
    "network.depth=2",
    "network.norm=before",
    "data=shapes_segmentation",
)
SSD = (
    "network=torchvision_detection",
    "network.image_size=64",
    "network.least_score=0.0",
    "network.most_detections=10",
    "data=shapes_detection",
    "data.batch_size=8",
)
KINDS = {"segmentation": UNET, "detection": SSD}
NETWORK_TRICKS = ("tricks=[l2,dropout,weight_decay,ema,early_stopping]",)


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    for module in (shapes_detection, shapes_segmentation):
        monkeypatch.setattr(module, "TRAINING", 32)
        monkeypatch.setattr(module, "TEST", 12)


def config(tmp_path, kind, *more):
    folder = (f"paths.runs={tmp_path}", f"paths.data={tmp_path}")
    return compose([*KINDS[kind], *COMMON, *folder, *more])


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_leaves_predictions_pictures_and_a_record_that_can_be_computed_again(tmp_path, kind):
    settings = config(tmp_path, kind, *NETWORK_TRICKS)
    record = train(settings)
    folder = run_folder(settings)
    assert record.status is Status.FINISHED
    assert {"examples.png", "learning_curves.png", "predictions.npz", "network.safetensors"} <= set(
        record.files
    )
    with np.load(folder / "predictions.npz") as arrays:
        measured = evaluate(settings["task"]["_target_"], dict(arrays))
    assert measured == pytest.approx(
        {k: v for k, v in record.metrics.items() if k.startswith("test/")}, nan_ok=True
    )
    main = {"segmentation": "mean_iou", "detection": "map"}[kind]
    assert {f"test/{main}", f"validation/{main}"} <= set(record.metrics)
    assert {f"validation/{main}", "validation/loss", "train/loss"} <= set(record.history)
    assert record.costs["multiply_adds"] > 1e5
    assert record.costs["depth"] > 5
    assert record.costs["inference_images_per_s"] > 0
    again = evaluate_again(folder)
    assert again.largest_change < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_paused_goes_on_to_the_same_bits(tmp_path, kind):
    whole = train(config(tmp_path / "whole", kind))
    assert train(config(tmp_path / "paused", kind, "runtime.stop_epoch=1")).status is Status.PAUSED
    resumed = train(config(tmp_path / "paused", kind))
    assert resumed.resumes == 1
    assert resumed.metrics == pytest.approx(whole.metrics, abs=0, rel=0, nan_ok=True)
    assert resumed.history == whole.history
    for name in ("network.safetensors", "predictions.npz"):
        assert resumed.files[name] == whole.files[name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trick", ["mixup", "label_smoothing"])
def test_tricks_on_class_probabilities_are_refused_in_one_line(tmp_path, kind, trick):
    with pytest.raises(ConfigError, match="has no class probabilities to edit") as error:
        build(config(tmp_path, kind, f"tricks=[{trick}]"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_data_of_another_kind_are_refused(tmp_path, kind):
    with pytest.raises(ConfigError, match=r"data must offer|network must"):
        build(config(tmp_path, kind, "data=digits"))


def test_a_network_starts_as_torchvision_makes_it_unless_an_initializer_is_asked_for(tmp_path):
    assert config(tmp_path, "detection")["initializer"]["_target_"].endswith("TorchDefault")
    assert config(tmp_path, "detection", "initializer=he_normal")["initializer"]["_target_"].endswith(
        "VarianceScaling"
    )
