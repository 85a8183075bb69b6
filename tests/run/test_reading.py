"""Runs that read: their records hold what the metric says, and scoring the saved network again gives the same."""

import numpy as np
import pytest

from podium.metrics.tagging import evaluate as tagging
from podium.run.evaluate import evaluate
from podium.run.folders import PREDICTIONS_FILE, run_folder
from podium.run.train import train

SMALL = (
    "network.embedding=8",
    "network.widths=[8]",
    "trainer.max_epochs=3",
    "optimizer.lr=0.03",
    "data.batch_size=8",
)


def test_a_tagger_finds_the_entities_of_a_language_that_it_can_learn(settings_in, tmp_path):
    lines = []
    for number in range(60):
        lines += [f"Ann{number % 4} B-PER", "Lee I-PER", "saw O", ("Rome", "Oslo")[number % 2] + " B-LOC", ""]
    file = tmp_path / "all.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    words = ("network=tagger", "data=conll", f"data.root={file}", "data.shape=[6]", "data.num_classes=5")
    config = settings_in(tmp_path / "runs", *words, "data.words.number=20", *SMALL)
    record = train(config)
    with np.load(run_folder(config) / PREDICTIONS_FILE) as saved:
        found = tagging(saved)
    assert {name: record.metrics[name] for name in found} == found
    assert found["test/f1"] > 0.9
    curve = [value for _, value in record.history["validation/f1"]]
    assert curve[-1] == pytest.approx(record.metrics["validation/f1"], rel=1e-6)
    again = evaluate(run_folder(config))
    assert again.largest_change == 0
    assert again.measured == again.recorded


@pytest.mark.parametrize("network", ["text_classifier", "text_bag"])
def test_a_classifier_of_texts_learns_the_words_that_tell_the_classes_apart(settings_in, tmp_path, network):
    rows = [("good", "a bright film"), ("bad", "a dull film"), ("bad", "dull , dull and long")] * 20
    table = tmp_path / "films.tsv"
    table.write_text("label\ttext\n" + "".join(f"{kind}\t{text}\n" for kind, text in rows), encoding="utf-8")
    words = (f"network={network}", "data=labelled_text", f"data.root={table}", "data.shape=[6]")
    small = [word for word in SMALL if not (network == "text_bag" and "widths" in word)]
    config = settings_in(tmp_path / "runs", *words, "data.words.number=20", *small)
    assert train(config).metrics["test/top1_error"] == 0.0
    assert evaluate(run_folder(config)).largest_change == 0
