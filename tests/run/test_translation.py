"""Runs that write sequences: recorded, scored again, killed and resumed to the same bits, and asked."""

import pytest
from test_resume import assert_same_run, in_child, train_and_kill

from podium.cli import main
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.train import train
from podium.run.translate import translate

NAMES = ("symbol_accuracy", "sequence_accuracy", "bleu")
SMALL = (
    "network.widths=[32]",
    "network.embedding=16",
    "trainer.max_epochs=12",
    "optimizer.lr=0.02",
    "data.batch_size=32",
)
NOUNS, COLOURS, VERBS = ("house dog cat bird", "red green blue old", "sees eats finds")
TRANSLATED = "maison chien chat oiseau rouge vert bleu vieux voit mange trouve"
FOREIGN = {"the": "le"} | dict(
    zip(
        f"{NOUNS} {COLOURS} {VERBS}".split(),
        TRANSLATED.split(),
        strict=True,
    )
)


def foreign(sentence):
    """The adjective stands behind its noun."""
    the, colour, noun, verb, the2, colour2, noun2 = sentence.split()
    return " ".join(FOREIGN[word] for word in (the, noun, colour, verb, the2, noun2, colour2))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    file = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    halves = [f"the {colour} {noun}" for colour in COLOURS.split() for noun in NOUNS.split()]
    sentences = [f"{a} {verb} {b}" for a in halves for verb in VERBS.split() for b in halves if a != b]
    file.write_text("".join(f"{s}\t{foreign(s)}\n" for s in sentences), encoding="utf-8")
    return file


def words(pairs):
    return (
        "network=translator",
        "data=parallel_text",
        f"data.root={pairs}",
        "data.shape=[7]",
        "data.longest=8",
        "data.num_classes=20",
    )


@pytest.fixture(scope="module")
def translator(settings_in, pairs, tmp_path_factory):
    """The folder of a small translator's run, and its record."""
    config = settings_in(tmp_path_factory.mktemp("translator"), *words(pairs), *SMALL)
    return run_folder(config), train(config)


def test_attention_translates_a_language_with_another_order(translator):
    _, record = translator
    assert set(record.metrics) == {f"{split}/{name}" for split in ("validation", "test") for name in NAMES}
    assert record.metrics["test/bleu"] > 0.9
    for name in NAMES:
        curve = [value for _, value in record.history[f"validation/{name}"]]
        assert curve[-1] == pytest.approx(record.metrics[f"validation/{name}"], rel=1e-5)
        assert curve[0] < curve[-1]


def test_it_answers_a_sentence_and_scores_again_as_it_was_recorded(translator, capsys):
    folder, _ = translator
    sentence = "the old bird sees the red house"
    for beams in (1, 3):
        assert translate(folder, text=sentence, beams=beams) == foreign(sentence)
    with pytest.raises(SystemExit) as ended:
        main(["translate", str(folder), sentence, "--beams", "2"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == foreign(sentence) + "\n"
    again = evaluate(folder)
    assert again.largest_change == 0
    assert again.measured == again.recorded


def test_unknown_words_are_said_and_what_cannot_be_read_is_refused(translator, settings, caplog):
    folder, _ = translator
    translate(folder, text="the purple bird sees the red house", beams=1)
    assert "1 of 7 symbols are in no training sentence" in caplog.text
    for text, beams, said in (
        ("", 1, r"^the text must have from 1 to 7 symbols, got 0; divide"),
        ("the " * 8, 1, r"^the text must have from 1 to 7 symbols, got 8; divide"),
        ("the", 21, r"^--beams must be at most the 20 symbols, got 21; lower"),
    ):
        with pytest.raises(ConfigError, match=said):
            translate(folder, text=text, beams=beams)
    config = settings()
    train(config)
    with pytest.raises(
        ConfigError, match=r"must be an encoder and decoder, got dense32 on digits; train one"
    ):
        translate(run_folder(config), text="the", beams=1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sums", "captions", "beams"])
def test_a_run_is_killed_and_resumed_to_the_same_bits(settings_in, tmp_path, pairs, kind):
    chosen = {
        "sums": ("network=seq2seq", "network.reverse=true", "data=sums", "data.view.fraction=0.1"),
        "captions": (
            "network=captioner",
            "network.filters=[4,8,8]",
            "data=shapes_captions",
            "data.view.fraction=0.1",
        ),
        "beams": (*words(pairs), "task.beams=3", "tricks=[recurrent_dropout]"),
    }[kind]

    def config(folder, every_s):
        every = (
            "runtime.flush_every_n_steps=3",
            f"runtime.checkpoint_every_s={every_s}",
            "trainer.max_epochs=3",
        )
        return settings_in(tmp_path / folder, *chosen, *SMALL, *every)

    whole, killed = config("whole", 1e9), config("killed", 0.0)
    assert in_child(lambda: train(whole)) == 0
    train_and_kill(killed, 9)
    assert in_child(lambda: train(killed)) == 0
    assert_same_run(run_folder(killed), run_folder(whole))
    again = evaluate(run_folder(whole))
    assert again.measured == again.recorded


def test_a_network_that_writes_asks_for_sequences(settings):
    with pytest.raises(
        ConfigError, match=r"data must offer sequences, which SequenceToSequence asks for, got text"
    ):
        train(settings("network=seq2seq", "data=text", "data.root=README.md"))


def test_pictures_cannot_be_asked(settings_in, tmp_path):
    config = settings_in(
        tmp_path,
        "network=captioner",
        "network.filters=[4]",
        "data=shapes_captions",
        "data.view.fraction=0.02",
        "trainer.max_epochs=1",
    )
    train(config)
    with pytest.raises(ConfigError, match=r"text: what is read must be text, got shapes_captions; train on"):
        translate(run_folder(config), text="a red circle", beams=1)
