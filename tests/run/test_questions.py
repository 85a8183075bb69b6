"""Runs that answer questions: recorded, scored again, killed and resumed to the same bits, and asked."""

import numpy as np
import pytest
from test_resume import assert_same_run, in_child, train_and_kill

from podium.cli import main
from podium.data import facts_spans
from podium.metrics.span_reading import evaluate as span_reading
from podium.run.ask import ask
from podium.run.assemble import check_run
from podium.run.build import build
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import PREDICTIONS_FILE, run_folder
from podium.run.train import train

NAMES = ("exact_match", "f1")
SMALL = (
    "network=span_reader",
    "data=facts_spans",
    "network.embedding=16",
    "network.widths=[16]",
    "network.dropout=0.0",
    "optimizer.lr=0.01",
)
BRIEF = ("data.split.train_examples=200", "trainer.max_epochs=2")
ENOUGH = ("data.split.train_examples=800", "trainer.max_epochs=2")
FACTS = "Carl lives in Cape Town. Mary lives in New York. Carl has 3 hats. Mary has 7 cars."


@pytest.fixture(scope="module")
def reader(settings_in, tmp_path_factory):
    """The folder of a small reader's run, and its record."""
    config = settings_in(tmp_path_factory.mktemp("reader"), *SMALL, *BRIEF)
    return run_folder(config), train(config)


def test_its_record_holds_what_the_metric_says_of_its_predictions(reader):
    folder, record = reader
    with np.load(folder / PREDICTIONS_FILE) as saved:
        found = span_reading(saved)
    assert {name: record.metrics[name] for name in found} == found
    for name in NAMES:
        curve = [value for _, value in record.history[f"validation/{name}"]]
        assert curve[-1] == pytest.approx(record.metrics[f"validation/{name}"], rel=1e-5)
        assert curve[0] < curve[-1]
    again = evaluate(folder)
    assert again.largest_change == 0
    assert again.measured == again.recorded


def test_in_windows_every_question_has_one_answer_and_is_answered_again(settings_in, tmp_path):
    config = settings_in(tmp_path, *SMALL, *BRIEF, "network.windows=[16,8]")
    record, folder = train(config), run_folder(config)
    with np.load(folder / PREDICTIONS_FILE) as saved:
        assert saved["index"].tolist() == [*range(5000, 6000)]
        ends = saved["span"]
    assert (ends >= 16).any()
    again = evaluate(folder)
    assert (again.largest_change, again.measured) == (0, again.recorded)
    assert record.costs["depth"] < 44
    assert ask(folder, question="Where does Mary live?", paragraph=FACTS) in FACTS


def test_a_record_from_before_there_were_windows_is_built_as_it_was(reader):
    _, record = reader
    config = {**record.config, "network": {**record.config["network"]}}
    assert config["network"].pop("windows") is None
    check_run(config)
    assert build(config).network.windows is None


def test_it_answers_a_question_by_words_of_the_text(reader, tmp_path, capsys):
    folder, _ = reader
    file = tmp_path / "facts.txt"
    file.write_text(FACTS, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["ask", str(folder), "Where does Mary live?", "--paragraph", str(file)])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() in FACTS


def test_unknown_words_are_said_and_what_cannot_be_read_is_refused(reader, settings, caplog, tmp_path):
    folder, _ = reader
    ask(folder, question="Where does Zoe live?", paragraph=FACTS)
    assert "1 of 27 words are in no training example" in caplog.text
    with pytest.raises(ConfigError, match=r"^text: the question must have from 1 to 9 words, got 0; shorten"):
        ask(folder, question="", paragraph=FACTS)
    config = settings("trainer.max_epochs=1")
    train(config)
    with pytest.raises(ConfigError, match=r"must be a reader that answers by spans, got dense32 on digits"):
        ask(run_folder(config), question="who?", paragraph=FACTS)


def test_a_file_that_is_missing_or_no_utf8_is_refused_in_one_line(reader, tmp_path, capsys):
    folder, _ = reader
    wrong = tmp_path / "latin.txt"
    wrong.write_bytes(b"caf\xe9")
    for file, said in (
        (tmp_path / "none.txt", "got no file"),
        (wrong, "must be text in UTF-8, got the byte"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["ask", str(folder), "who?", "--paragraph", str(file)])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


@pytest.mark.slow
def test_without_the_question_exact_match_is_what_guessing_gives(settings_in, tmp_path, monkeypatch):
    asked = train(settings_in(tmp_path / "asked", *SMALL, *ENOUGH))
    assert asked.metrics["test/exact_match"] > 0.6
    made = facts_spans._paragraph

    def unasked(draw):
        paragraph = made(draw)
        return paragraph | {"qas": [one | {"question": "?"} for one in paragraph["qas"]]}

    monkeypatch.setattr(facts_spans, "_paragraph", unasked)
    record = train(settings_in(tmp_path / "unasked", *SMALL, *ENOUGH, "data.checksum=null"))
    assert record.metrics["test/exact_match"] < 0.15


@pytest.mark.slow
def test_a_run_is_killed_and_resumed_to_the_same_bits(settings_in, tmp_path):
    def config(folder, every_s):
        every = (
            "runtime.flush_every_n_steps=3",
            f"runtime.checkpoint_every_s={every_s}",
            "data.split.train_examples=64",
            "data.batch_size=8",
            "trainer.max_epochs=2",
            "network.dropout=0.2",
        )
        return settings_in(tmp_path / folder, *SMALL, *every)

    whole, killed = config("whole", 1e9), config("killed", 0.0)
    assert in_child(lambda: train(whole)) == 0
    train_and_kill(killed, 9)
    assert in_child(lambda: train(killed)) == 0
    assert_same_run(run_folder(killed), run_folder(whole))
