import pytest

from podium.leaderboard.study_verdict import Verdict
from podium.records.environment import Environment
from podium.records.record import DataPrint, RunRecord, Status, entry_hash
from podium.run.errors import ConfigError
from podium.run.folders import run_folder
from podium.run.study import load_study
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
    assert "zeros_never_learn: contradicted: " in capsys.readouterr().out  # those errors are no chance
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
