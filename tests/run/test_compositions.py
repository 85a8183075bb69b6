"""Compositions that are kept are those that Hydra would make."""

from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra.errors import HydraException
from omegaconf import OmegaConf

from podium.run import compositions
from podium.run.compositions import composition, hydra_at
from podium.run.conf import conf_dir

CHOICES = [
    ("train", []),
    ("train", ["network=lenet5", "data=mnist5k", "optimizer.lr=0.3", "seed=7"]),
    ("train", ["tricks=[dropout,l2]", "tricks.dropout.p=0.4", "tricks.l2.strength=1e-3"]),
    ("train", ["tricks.dropout.p=0.4", "tricks=[dropout]", "network.widths=[4,5]", "network=dense32"]),
    ("train", ["entry=dense32", "trainer.max_epochs=2", "name='a: b'", "++runtime.tags={a: b}"]),
    ("train", ["+runtime.tags.kind=x", "data.split.validation=0.2", "optimizer=sgd", "optimizer.lr=${seed}"]),
    ("sweep", ["sweep=init_dropout", "search=asha", "search.trials=5"]),
    ("leaderboard", ["board=digits", "board.seeds=[1,2]"]),
]


def direct(root, overrides):
    with hydra_at(conf_dir()):
        whole = hydra_compose(root, overrides=overrides, return_hydra_config=True)
    return OmegaConf.masked_copy(whole, [key for key in whole if key != "hydra"]), dict(
        whole.hydra.runtime.choices
    )


@pytest.mark.parametrize(("root", "overrides"), CHOICES, ids=[str(k) for k in range(len(CHOICES))])
def test_it_is_what_hydra_makes_the_first_time_and_later(root, overrides):
    expected, choices = direct(root, overrides)
    for _ in range(2):
        made, chosen = composition(overrides, root)
        assert OmegaConf.to_container(made) == OmegaConf.to_container(expected)
        assert chosen == choices


def test_what_one_caller_changes_no_other_sees():
    first, _ = composition(["seed=3"], "train")
    first.data.batch_size = -1
    second, _ = composition(["seed=4"], "train")
    assert second.data.batch_size > 0
    assert (first.seed, second.seed) == (3, 4)


@pytest.mark.parametrize("wrong", ["optimizer.lrr=1", "lr=1", "seed=1,2", "network=none_such", "a b"])
def test_what_hydra_refuses_is_refused(wrong):
    for _ in range(2):
        with pytest.raises(HydraException):
            composition(["network=dense32", wrong], "train")


def test_a_file_that_changed_is_read_again(tmp_path: Path, monkeypatch):
    (tmp_path / "group").mkdir()
    (tmp_path / "root.yaml").write_text("defaults:\n  - group: a\n")
    (tmp_path / "group" / "a.yaml").write_text("x: 1\n")
    monkeypatch.setattr(compositions, "conf_dir", lambda: tmp_path)
    monkeypatch.setattr(compositions, "groups", lambda: {"group": ["a"]})
    assert composition([], "root")[0].group.x == 1
    (tmp_path / "group" / "a.yaml").write_text("x: 2\n")
    assert composition([], "root")[0].group.x == 2


def test_values_do_not_cost_another_composition(monkeypatch):
    composition(["network=dense32", "optimizer.lr=0.01"], "train")

    def composed_again(*arguments, **named):
        raise AssertionError("Hydra was asked")

    monkeypatch.setattr(compositions, "compose", composed_again)
    made, _ = composition(["network=dense32", "optimizer.lr=0.02"], "train")
    assert made.optimizer.lr == 0.02
    with pytest.raises(AssertionError, match="Hydra was asked"):
        composition(["network=dense32", "optimizer=sgd"], "train")
