"""Runs that learn vectors of words: what stands near what, analogies, records and resumes."""

import numpy as np
import pytest
from test_resume import assert_same_run, in_child, train_and_kill

from podium.cli import main
from podium.data.skip_grams import SkipGrams
from podium.metrics.negative_sampling import evaluate as told
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import PREDICTIONS_FILE, run_folder
from podium.run.nearest import Score, word_vectors
from podium.run.train import train

ROLES = ("ruler", "parent", "sibling", "actor", "heir")
KINDS = ("m", "f")  # a ruler of kind m and one of kind f differ as two parents do
SMALL = (
    "network=word2vec",
    "network.width=12",
    "data=skip_grams",
    "data.pairs.window=1",
    "data.pairs.subsample=null",
    "data.words.number=60",
    "data.batch_size=128",
)


def sentences(count):
    """A word stands between a companion of its role and one of its kind, and has no others of its own."""
    draw = np.random.RandomState(0)
    for _ in range(count):
        role, kind = ROLES[draw.randint(len(ROLES))], KINDS[draw.randint(2)]
        companions = [f"{role}{draw.randint(3)}", f"{kind}{draw.randint(3)}"]
        draw.shuffle(companions)
        yield [companions[0], f"{role}_{kind}", companions[1], *(f"x{draw.randint(8)}" for _ in range(3))]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    file = tmp_path_factory.mktemp("story") / "story.txt"
    file.write_text("\n".join(" ".join(one) for one in sentences(1500)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def run(settings_in, story, tmp_path_factory):
    """The folder of a small run, and its record."""
    more = ("trainer.max_epochs=10", "optimizer.lr=0.02", f"data.root={story}")
    config = settings_in(tmp_path_factory.mktemp("word2vec"), *SMALL, *more)
    return run_folder(config), train(config)


@pytest.fixture(scope="module")
def vectors(run):
    return word_vectors(run[0])


def test_a_run_tells_neighbours_from_noise_and_is_scored_again(run):
    folder, record = run
    with np.load(folder / PREDICTIONS_FILE) as saved:
        found = told(saved)
    assert {name: record.metrics[name] for name in found} == found
    assert found["test/noise_accuracy"] > 0.7
    assert found["test/loss"] < 6 * np.log(2)  # of one that knows nothing
    for name in ("loss", "noise_accuracy"):
        curve = [value for _, value in record.history[f"validation/{name}"]]
        assert curve[-1] == pytest.approx(record.metrics[f"validation/{name}"], rel=1e-5)
    again = evaluate(folder)
    assert again.largest_change == 0
    assert again.measured == again.recorded


def test_the_words_nearest_to_a_word_are_of_its_kind(vectors):
    words = {f"{role}_{kind}" for role in ROLES for kind in KINDS}
    for word in sorted(words):
        assert {other for other, _ in vectors.near(word, 5)} <= words
    for filling in ("x0", "x5"):
        assert all(other.startswith("x") for other, _ in vectors.near(filling, 7))


def test_pairs_of_words_differ_alike(vectors, tmp_path):
    lines = [f"{a}_m {a}_f {b}_m {b}_f" for a in ROLES for b in ROLES if a != b]
    file = tmp_path / "questions.txt"
    file.write_text("\n".join([": kinds", *lines, ": others", "Ruler_m RULER_F nobody parent_f"]))
    kinds, others, every = vectors.scored(file)
    assert (kinds.section, kinds.asked, kinds.unknown) == ("kinds", 20, 0)
    assert kinds.right >= 18
    assert others == Score("others", 0, 0, 1)
    assert every == Score("all", kinds.right, 20, 1)
    assert str(others) == "others: 0 of 0 right; 1 more hold a word that the run does not know"
    assert str(Score("kinds", 19, 20, 0)) == "kinds: 19 of 20 right (95.0 %)"


def test_vectors_that_learned_nothing_have_neighbours_of_any_kind(settings_in, story, tmp_path):
    """What the two tests above say would be true by chance of no text."""
    more = ("trainer.max_epochs=1", "optimizer.lr=0", f"data.root={story}")
    config = settings_in(tmp_path, *SMALL, *more)
    train(config)
    vectors = word_vectors(run_folder(config))
    words = {f"{role}_{kind}" for role in ROLES for kind in KINDS}
    assert sum(other in words for word in sorted(words) for other, _ in vectors.near(word, 5)) < 30


def test_the_command_prints_neighbours_answers_and_scores(run, tmp_path, capsys):
    file = tmp_path / "questions.txt"
    file.write_text("ruler_m ruler_f parent_m parent_f\n")
    for words, lines in (
        (("Ruler_m", "--count", "3"), 3),
        (("--analogy", "ruler_m", "ruler_f", "parent_m", "--count", "1"), 1),
        (("--questions", str(file)), 1),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["nearest", str(run[0]), *words])
        assert ended.value.code == 0
        said = capsys.readouterr().out.splitlines()
        assert len(said) == lines
    assert said == ["questions.txt: 1 of 1 right (100.0 %)"]


def test_what_cannot_be_answered_is_said_in_one_line(run, vectors, settings, tmp_path):
    with pytest.raises(
        ConfigError, match=r"^a word must be one that the run knows, got rular_m; did you mean ruler_m"
    ):
        vectors.near("rular_m", 3)
    with pytest.raises(ConfigError, match=r"got nobody; choose one that is in its text often enough"):
        vectors.complete(["ruler_m", "nobody", "ruler_f"], 3)
    with pytest.raises(
        ConfigError, match=r"must be a file of analogies, got No such file or directory; name"
    ):
        vectors.scored(tmp_path / "nowhere.txt")
    config = settings("trainer.max_epochs=1")
    train(config)
    with pytest.raises(
        ConfigError, match=r"must be a run that learned vectors of words, got dense32 on digits"
    ):
        word_vectors(run_folder(config))


def test_a_text_that_is_another_now_is_refused_since_its_words_would_have_other_vectors(
    run, vectors, story, monkeypatch
):
    content = story.read_bytes()
    try:
        story.write_bytes(content + 500 * b" aardvark")
        with pytest.raises(
            ConfigError, match=r"must hold the text that the run read, got another; bring it back"
        ):
            word_vectors(run[0])
        monkeypatch.setattr(SkipGrams, "fingerprint", lambda data: data.examples("train") and run[1].data)
        mixed_up = word_vectors(run[0])
        assert mixed_up.words[0] == "aardvark"
        assert np.array_equal(mixed_up.vectors[0], vectors.vectors[vectors.words.index("actor0")])
    finally:
        story.write_bytes(content)
    monkeypatch.undo()
    assert word_vectors(run[0]).words == vectors.words


@pytest.mark.slow
def test_a_killed_run_is_resumed_to_the_same_bits(settings_in, story, tmp_path):
    def chosen(folder, every_s):
        every = ("runtime.flush_every_n_steps=3", f"runtime.checkpoint_every_s={every_s}")
        return settings_in(tmp_path / folder, *SMALL, *every, "data.batch_size=2048", f"data.root={story}")

    whole, killed = chosen("whole", 1e9), chosen("killed", 0.0)
    assert in_child(lambda: train(whole)) == 0
    train_and_kill(killed, 14)
    assert in_child(lambda: train(killed)) == 0
    assert_same_run(run_folder(killed), run_folder(whole))
