"""From a command line to variations: what is composed, what is refused before anything is trained."""

import json

import pytest

from podium.leaderboard.build import build
from podium.records.record import entry_hash
from podium.run.assemble import compose
from podium.run.errors import ConfigError
from podium.sweep import ablate
from podium.sweep.ablate import check_folder, configurations, entries, make_ablation, refusals

THREE = ["network=dense32", "tricks=[dropout,l2,mixup]"]


def plan(overrides, *modes, seeds=2, metric="validation/top1_error"):
    return make_ablation(overrides, modes=modes or ["leave_one_out"], seeds=seeds, metric=metric)


@pytest.fixture(scope="module")
def three():
    board = plan([*THREE, "tricks.dropout.p=0.2", "augment=[flip]"], "leave_one_out", "add_one")
    return board, configurations(board)


def test_tricks_and_augmentations_are_left_out_and_nothing_else_changes(three):
    board, configs = three
    assert board.factors == ["tricks.dropout", "tricks.l2", "tricks.mixup", "augment.flip"]
    whole = configs["all"][0]
    assert whole["tricks"]["dropout"]["p"] == 0.2
    for key in board.entries:
        for seed, config in enumerate(configs[key]):
            assert config["seed"] == seed
            on = [name for group in ("tricks", "augment") for name in config[group]]
            off = {factor.partition(".")[2] for factor in board.off(key)}
            assert on == [name for name in ("dropout", "l2", "mixup", "flip") if name not in off]
            same = {
                name: value
                for name, value in config.items()
                if name not in ("tricks", "augment", "name", "seed")
            }
            assert same["network"] == whole["network"]
            assert {**same, "data": {**same["data"], "seed": 0}} == {name: whole[name] for name in same}


def test_a_variation_is_what_its_command_line_composes(three):
    board, configs = three
    words = [*board.overrides, *(f"~{factor}" for factor in board.off("without_l2")), "seed=1"]
    assert entry_hash(compose(words)) == entry_hash(configs["without_l2"][1])


def test_variations_have_names_and_hashes_of_their_own(three):
    board, configs = three
    assert len({config[0]["name"] for config in configs.values()}) == len(board.entries)
    assert len({entry.entry_hash for entry in entries(board, configs)}) == len(board.entries)
    named = configurations(plan(["entry=lecture_cnn_dropout_l2"]))
    assert [config[0]["name"] for config in named.values()] == [
        "lecture CNN, dropout + L2, all 2",
        "lecture CNN, dropout + L2, without dropout",
        "lecture CNN, dropout + L2, without l2",
    ]


def test_the_metric_is_of_the_validation_split_and_its_direction_is_known():
    assert plan(THREE).direction == "min"
    assert plan(THREE, metric="test/mean_iou").direction == "max"


@pytest.mark.parametrize(
    ("overrides", "modes", "said"),
    [
        (["network=dense32"], ["leave_one_out"], "must have a trick or augmentation to leave out, got none"),
        (["network=dense32", "tricks=[l2]"], ["pairwise"], "two tricks or more"),
        ([*THREE, "seed=3"], ["leave_one_out"], "sets the seeds itself, got seed=3; set --seeds 5"),
        (["network=dense3", "tricks=[l2]"], ["leave_one_out"], "did you mean dense32"),
    ],
    ids=str,
)
def test_what_cannot_be_ablated_is_refused(overrides, modes, said):
    with pytest.raises(ConfigError, match=said):
        plan(overrides, *modes)


def test_a_wrong_metric_is_refused():
    with pytest.raises(ConfigError, match="must be a validation or test metric, got 'train/loss'"):
        plan(THREE, metric="train/loss")


def test_a_variation_that_cannot_be_built_is_named_and_one_that_all_need_stops():
    lost = [*THREE[:1], "tricks=[l2,stochastic_depth]"]  # a network without residual branches
    board = plan(lost, "add_one")
    found = refusals(board, configurations(board))
    assert list(found) == ["only stochastic_depth"]
    assert "tricks.stochastic_depth" in found["only stochastic_depth"]
    board = plan(lost, "leave_one_out")
    with pytest.raises(ConfigError, match=r"all 2 must be possible to train, but tricks\.stochastic_depth"):
        refusals(board, configurations(board))


def test_a_folder_of_another_ablation_is_not_taken(tmp_path):
    board = plan(THREE)
    check_folder(board, tmp_path)
    build(board, entries(board, configurations(board)), [], tmp_path / "report")
    check_folder(plan(THREE, "leave_one_out", "add_one", seeds=3), tmp_path / "report")
    with pytest.raises(ConfigError, match="got one with other factors and overrides; set --out"):
        check_folder(plan([*THREE[:1], "tricks=[l2]"]), tmp_path / "report")
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "board.json").write_text(json.dumps({"board": {"name": "digits"}}))
    with pytest.raises(ConfigError, match="must hold this ablation or none"):
        check_folder(board, tmp_path / "board")


def test_a_dry_run_trains_nothing_and_shows_what_would_be(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ablate, "train_lacking", None)
    run(dry_run=True, overrides=["network=dense32", "tricks=[l2,stochastic_depth]"], modes=["add_one"])
    said = capsys.readouterr().out
    assert "3 variations x 2 seeds, validation/top1_error" in said
    assert re_line(said, "only l2")
    assert "–  only stochastic_depth: tricks.stochastic_depth" in said
    assert "6 runs, 2 at a time: about" in said
    assert not (tmp_path / "reports").exists()


def re_line(said, label):
    return any(line.split("  ")[-1] == label and " s" in line for line in said.splitlines())


def run(*, overrides, modes, dry_run=False):
    return ablate.ablate_command(
        overrides,
        modes=modes,
        seeds=2,
        metric="validation/top1_error",
        out=None,
        concurrency=2,
        pack="off",
        dry_run=dry_run,
    )


def test_a_whole_ablation_is_trained_and_its_refused_combination_is_a_stated_hole(
    tmp_path, monkeypatch, capsys
):
    """Trained in this process, one after the other: what Ray does with them is test_board's matter."""
    from podium.sweep import board as sweep_board

    def here(configs, concurrency, train, bar):
        return [sweep_board.train_one(config, train, str(tmp_path), False) for config in configs]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep_board, "_train_all", here)
    words = ["network=linear", "tricks=[ema,swa]", "trainer.max_epochs=1", "tracking=none"]
    assert run(overrides=words, modes=["add_one", "pairwise"]) == 0
    said = capsys.readouterr().out
    assert (
        "not counted: all 2, seed 0: failed (ConfigError: task: a run must have one average of its weights"
        in said
    )
    raw = json.loads((tmp_path / "reports/ablate-linear_ema_swa/board.json").read_text())
    assert [line["kind"] for line in raw["answers"]] == ["alone", "alone", "pair"]
    assert raw["answers"][-1]["verdict"] == "no claim: not every seed finished"
    assert sum(run["status"] == "finished" for row in raw["rows"] for run in row["runs"]) == 6
