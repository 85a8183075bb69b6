import json
import shlex
import subprocess
import sys

import pytest

from podium.run.errors import ConfigError
from podium.sweep.plan import DEFINITION_FILE, notes, rungs
from podium.sweep.settings import Asha, Grid, Hyperband, Median

AXES = ("initializer=he_normal,zeros", "tricks.dropout.p=0.1,0.5")


def test_a_named_sweep_is_its_file_and_the_command_line_overrides_it(plan_of):
    named = plan_of("sweep=init_dropout")
    assert named.name == "init_dropout"
    assert [axis.key for axis in named.axes] == ["initializer", "tricks.dropout.p"]
    changed = plan_of(
        "sweep=init_dropout", "initializer=zeros", "seeds=5", "search=random", "search.trials=3"
    )
    assert [axis.key for axis in changed.axes] == ["tricks.dropout.p"]
    assert "initializer=zeros" in changed.fixed
    assert changed.seeds == 5
    assert changed.trials() == 3


def test_the_same_words_name_the_same_folder_and_others_another(plan_of):
    assert plan_of(*AXES).folder == plan_of(*AXES).folder
    assert plan_of(*AXES).folder != plan_of(*AXES, "seeds=4").folder
    assert plan_of(*AXES, "name=mine").name == "mine"


def test_the_winners_line_can_be_pasted_into_a_shell(plan_of):
    plan = plan_of(*AXES, "tricks=[dropout,l2]")
    assert shlex.split(plan.command(("zeros", "0.5"))) == [
        "podium", "train", "tricks=[dropout,l2]", "initializer=zeros", "tricks.dropout.p=0.5",
    ]  # fmt: skip
    assert "'tricks=[dropout,l2]'" in plan.command(("zeros", "0.5"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["seed=1,2", *AXES], "seeds are replicates"),
        (["seed=5", *AXES], "sets the seeds itself"),
        (["data.split.folds=5", *AXES], "sets the folds itself"),
        (["data.split.folds=5,10", *AXES], "folds are replicates"),
        ([*AXES, "folds=1"], "folds must be"),
        ([*AXES, "folds=many"], "folds must be"),
        ([*AXES, "folds=5", "seeds=7"], "multiple of folds=5, got 7"),
        (["tricks.dropout.p=interval(0,1)"], "search=grid needs choices"),
        (["initializer=zeros"], "something to search"),
        ([*AXES, "seeds=0"], "seeds must be"),
        ([*AXES, "seeds=[1,2]"], "seeds must be"),
        ([*AXES, "metric=test/top1_error"], "validation metric"),
        ([*AXES, "mode=best"], "min or max"),
        ([*AXES, "search=randm"], "random"),
        ([*AXES, "search=random", "search.trails=3"], "search.trials"),
        ([*AXES, "search=random", "search.trials=many"], "search.trials"),
        ([*AXES, "search=random", "search.trials=0"], "at least 1"),
        ([*AXES, "cluster.cpus=0"], "at least 1"),
        ([*AXES, "name=a/b"], "name must be"),
        ([*AXES, "search=asha", "trainer.max_epochs=3,9"], "trainer.max_epochs must be fixed"),
        ([*AXES, "search=median", "trainer.max_epochs=3,9"], "fixed with search=median"),
        ([*AXES, "search=hyperband", "search.eta=1"], "eta must be at least 2"),
        ([*AXES, "search=median", "search.every_epochs=0"], "every_epochs must be at least 1"),
        ([*AXES, "search=pareto", "search.startup_trials=0"], "at least 1"),
        ([*AXES, "budget.epochs=0"], "epochs must be null or at least 1"),
        ([*AXES, "budget.hours=-1"], "hours must be null or positive"),
        ([*AXES, "budget.concurrency=0"], "concurrency must be null or at least 1"),
        ([*AXES, "budget.trial_s=0"], "trial_s must be null or positive"),
        ([*AXES, "budget.days=1"], "budget.days"),
        (["sweep=init_dropuot"], "init_dropout"),
    ],
)
def test_a_bad_sweep_is_one_clear_line_and_leaves_nothing(arguments, says, plan_of, tmp_path):
    with pytest.raises(ConfigError) as caught:
        plan_of(*arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_name_belongs_to_one_definition(plan_of):
    first = plan_of(*AXES, "name=mine")
    first.claim()
    first.claim()
    plan_of(*AXES, "name=mine", "cluster.cpus=1", "budget.hours=1").claim()
    with pytest.raises(ConfigError, match=r"other seeds.*another name="):
        plan_of(*AXES, "name=mine", "seeds=4").claim()
    assert json.loads((first.folder / DEFINITION_FILE).read_text())["seeds"] == 3


def test_a_damaged_definition_is_named(plan_of):
    plan = plan_of(*AXES, "name=mine")
    plan.claim()
    (plan.folder / DEFINITION_FILE).write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        plan.claim()


def test_searches_that_compare_on_the_way_pause_at_rungs_and_the_others_never():
    asha = Asha(kind="asha", trials=9, seed=0, grace_epochs=1, eta=3)
    assert rungs(asha, 15) == [1, 3, 9, None]
    assert rungs(asha, 9) == [1, 3, None]
    assert rungs(Grid(kind="grid"), 9) == [None]
    with pytest.raises(ConfigError, match=r"grace_epochs.*below"):
        rungs(asha, 1)
    median = Median(kind="median", trials=9, seed=0, startup_trials=5, grace_epochs=2, every_epochs=3)
    assert rungs(median, 9) == [2, 5, 8, None]
    hyperband = Hyperband(kind="hyperband", trials=9, seed=0, grace_epochs=2, eta=2)
    assert rungs(hyperband, 9) == [2, 4, 8, None]


def test_a_space_smaller_than_asked_for_is_said(plan_of):
    assert notes(plan_of(*AXES, "search=random", "search.trials=20"))
    assert not notes(plan_of(*AXES, "search=random", "search.trials=2"))


def test_importing_the_room_imports_no_ray_until_a_sweep_begins():
    code = (
        "import sys, podium.sweep.command, podium.sweep.board, podium.sweep.page, podium.sweep.heatmap\n"
        "assert 'ray' not in sys.modules\n"
        "import podium.sweep.tuning\n"
        "assert 'ray' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_folds_are_the_replicates_of_a_configuration_and_not_configurations(plan_of):
    plan = plan_of(*AXES, "folds=5", "name=cv")
    assert (plan.seeds, plan.replicate, plan.trials()) == (5, "fold", 4)
    words = plan.run_overrides(("zeros", "0.5"), 3)
    assert words[-3:] == ["data.split.validation=null", "data.split.folds=5", "seed=3"]
    assert plan.command(("zeros", "0.5")) == "podium train initializer=zeros tricks.dropout.p=0.5"
    twice = plan_of(*AXES, "folds=5", "seeds=10")
    assert (twice.seeds, twice.replicate) == (10, "seed")
    assert plan_of(*AXES).replicate == "seed"


def test_the_folds_are_part_of_what_a_sweep_is_and_sweeps_without_keep_their_folders(plan_of):
    assert "folds" not in plan_of(*AXES).definition()
    plan_of(*AXES, "folds=5", "name=cv").claim()
    with pytest.raises(ConfigError, match=r"one with other .*folds"):
        plan_of(*AXES, "folds=4", "name=cv").claim()


def test_the_runs_of_all_folds_are_one_entry_and_other_folds_another(plan_of):
    from podium.records.record import entry_hash
    from podium.run.assemble import compose

    plan = plan_of("trainer.max_epochs=1,5", "network=dense32", "folds=5")
    configs = [compose(plan.run_overrides(("5",), seed)) for seed in range(5)]
    assert len({entry_hash(config) for config in configs}) == 1
    assert configs[3]["data"]["split"]["folds"] == 5
    usual = compose(["trainer.max_epochs=5", "network=dense32"])
    assert entry_hash(usual) != entry_hash(configs[0])
