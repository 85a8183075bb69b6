"""Runs on sequences: recorded, scored again, killed and resumed to the same bits, and made to write."""

import importlib.util
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from test_resume import assert_same_run, in_child, train_and_kill

from podium.cli import main
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.generate import generate
from podium.run.train import train

VERSE = "".join(f"{number % 7} bottles on the wall, {number % 5} bottles of milk\n" for number in range(160))
SMALL = ("network.widths=[16]", "trainer.max_epochs=3", "optimizer.lr=0.01", "data.batch_size=16")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    file = tmp_path_factory.mktemp("book") / "verse.txt"
    file.write_text(VERSE, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def char_rnn(settings_in, book, tmp_path_factory):
    """The folder of a small language model's run, and its record."""
    words = ("network=char_rnn", "network.embedding=8", "data=text", "data.shape=[30]", "data.num_classes=40")
    config = settings_in(tmp_path_factory.mktemp("char"), *words, *SMALL, f"data.root={book}")
    return run_folder(config), train(config)


KINDS = {
    "lstm": (
        "network=lstm",
        "data=first_symbol",
        "data.view.fraction=0.1",
        "tricks=[recurrent_dropout,grad_clip]",
    ),
    "regression": ("network=gru_regression", "data=adding", "data.view.fraction=0.02"),
    "echo_state": ("network=echo_state", "data=first_symbol", "data.view.fraction=0.1", "network.units=20"),
    "text": ("network=char_rnn", "network.embedding=8", "data=text", "data.shape=[30]"),
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == "text" else pytest.mark.slow) for kind in KINDS]
)
def test_a_run_is_killed_and_resumed_to_the_same_bits_and_scored_again(settings_in, tmp_path, book, kind):
    def chosen(folder, every_s):
        small = [word for word in SMALL if not (kind == "echo_state" and "widths" in word)]
        every = ("runtime.flush_every_n_steps=3", f"runtime.checkpoint_every_s={every_s}")
        root = (f"data.root={book}",) if kind == "text" else ()
        return settings_in(tmp_path / folder, *KINDS[kind], *small, *every, *root)

    whole, killed = chosen("whole", 1e9), chosen("killed", 0.0)
    assert in_child(lambda: train(whole)) == 0
    train_and_kill(killed, 14)
    assert in_child(lambda: train(killed)) == 0
    assert_same_run(run_folder(killed), run_folder(whole))
    again = evaluate(run_folder(whole))
    assert again.largest_change == 0
    assert again.measured == again.recorded


def test_a_language_model_reports_bits_and_its_curve_ends_at_them(char_rnn):
    _, record = char_rnn
    names = ("bits_per_character", "perplexity")
    assert set(record.metrics) == {f"{split}/{name}" for split in ("validation", "test") for name in names}
    curve = [value for _, value in record.history["validation/bits_per_character"]]
    assert curve[-1] == pytest.approx(record.metrics["validation/bits_per_character"], rel=1e-5)
    assert curve[-1] < curve[0] < math.log2(40)


def test_it_writes_as_many_characters_as_asked_for_and_the_same_ones_for_a_seed(char_rnn):
    folder, _ = char_rnn

    def written(**changes):
        return generate(folder, **{"length": 60, "temperature": 1.0, "start": "3 b", "seed": 0} | changes)

    assert len(written()) == 60
    assert set(written()) <= set(VERSE)
    assert written() == written()
    assert written() != written(seed=1)
    assert written(temperature=0.0) == written(temperature=0.0, seed=1)
    assert written(temperature=1e-4) == written(temperature=0.0)


def test_a_hot_text_is_more_varied_than_a_cool_one(char_rnn):
    def surprise(temperature):
        text = generate(char_rnn[0], length=400, temperature=temperature, start="3 ", seed=0)
        counts = Counter(text)
        return -sum(n / 400 * math.log2(n / 400) for n in counts.values())

    assert surprise(0.3) < surprise(1.0) < surprise(5.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"temperature": -1.0}, r"^--temperature must be 0 or more and finite, got -1\.0"),
        ({"start": ""}, r"^--start must be at least one character, got none"),
        ({"start": "Ü"}, r"^--start must be of characters of the training text, got 'Ü'; choose another"),
    ],
)
def test_what_cannot_be_written_is_refused(char_rnn, changes, said):
    plain = {"length": 5, "temperature": 1.0, "start": "3", "seed": 0}
    with pytest.raises(ConfigError, match=said):
        generate(char_rnn[0], **plain | changes)


def test_a_run_that_is_no_language_model_is_refused_and_the_command_prints_the_start(
    char_rnn, settings, capsys
):
    config = settings()
    train(config)
    with pytest.raises(
        ConfigError, match=r"must be a language model of text, got dense32 on digits; train one with"
    ):
        generate(run_folder(config), length=5, temperature=1.0, start="T", seed=0)
    with pytest.raises(SystemExit) as ended:
        main(["generate", str(char_rnn[0]), "--start", "3 bottles", "--length", "20"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith("3 bottles")


def ngram_module():
    path = Path(__file__).parents[2] / "pipelines" / "ngram.py"
    spec = importlib.util.spec_from_file_location("ngram", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def witten_bell(train_windows, order, size):
    """The formula, context by context."""
    counts = defaultdict(Counter)
    for window in train_windows:
        for place, symbol in enumerate(window):
            for length in range(min(order, place + 1)):
                counts[tuple(window[place - length : place])][symbol] += 1

    def p(context, symbol):
        lower = p(context[1:], symbol) if context else 1 / size
        seen = counts.get(tuple(context))
        if not seen:
            return lower
        return (seen[symbol] + len(seen) * lower) / (sum(seen.values()) + len(seen))

    return p


def test_the_ngram_model_is_the_formula_and_a_distribution():
    draw = np.random.RandomState(0)
    train_windows, test_windows = (draw.randint(0, 4, (n, 9)) for n in (30, 10))
    p = witten_bell(train_windows.tolist(), 3, 4)
    bits = [
        -math.log2(p(window[max(0, place - 2) : place], window[place]))
        for window in test_windows.tolist()
        for place in range(1, 9)
    ]
    model = ngram_module().InterpolatedNgram(train_windows, order=3, size=4)
    assert model.bits(test_windows) == pytest.approx(np.mean(bits), rel=1e-9)
    assert sum(p([1, 2], symbol) for symbol in range(4)) == pytest.approx(1)


def test_the_pipeline_prints_both_figures_and_refuses_an_order_that_no_number_holds(char_rnn, capsys):
    module = ngram_module()
    folder, record = char_rnn
    assert module.main(folder, 5) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("5-gram model: ")
    assert second == f"char_rnn: {record.metrics['test/bits_per_character']:.3f} bits per character"
    assert module.main(folder, 50) == 1
    assert "ORDER must be from 1 to 11, got 50" in capsys.readouterr().err
