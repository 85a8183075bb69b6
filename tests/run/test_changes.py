"""Values that change in mid-training: a chain of segments, each going on from the checkpoint of the one before."""

import os
import signal
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from podium.data.loader import BatchLoader
from podium.records.record import Status, entry_hash
from podium.run import saver
from podium.run import train as training
from podium.run.build import build
from podium.run.changes import before, last_values, segments
from podium.run.engine import pin_threads
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.folders import find_record, run_folder
from podium.run.train import train

KEPT = ("state_dict", "optimizer_states", "callbacks", "meter", "schedule", "rng", "global_step")
TRICKS = ("tricks=[dropout,mixup,ema,grad_clip,layer_rates]", "network=dense_200_100_100")


def different(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two checkpoints differ, to the last bit; seconds of training aside."""
    if path.endswith("train_s"):
        return []
    if isinstance(ours, torch.Tensor):
        return [] if torch.equal(ours, theirs) else [path]
    if isinstance(ours, dict):
        both = ours.keys() | theirs.keys()
        return [line for key in both for line in different(ours.get(key), theirs.get(key), f"{path}.{key}")]
    if isinstance(ours, list | tuple):
        return [
            line
            for k, pair in enumerate(zip(ours, theirs, strict=True))
            for line in different(*pair, f"{path}[{k}]")
        ]
    return [] if ours == theirs or ours != ours else [f"{path}: {ours} {theirs}"]


def assert_same(config: dict[str, Any], other: dict[str, Any]) -> None:
    """Two runs came to the same bits: checkpoint, record, predictions and weights."""
    ours, theirs = find_record(config), find_record(other)
    assert ours is not None
    assert theirs is not None
    assert (ours.status, ours.metrics, ours.history) == (Status.FINISHED, theirs.metrics, theirs.history)
    last = [torch.load(run_folder(c) / "last.ckpt", weights_only=True) for c in (config, other)]
    assert [line for key in KEPT for line in different(last[0][key], last[1][key], key)] == []
    assert ours.files is not None
    assert theirs.files is not None
    for name in ("predictions.npz", "network.safetensors"):
        assert ours.files[name] == theirs.files[name]


@pytest.mark.parametrize(
    ("schedule", "changes"),
    [
        ("cosine", "{1:{optimizer.lr:0.001,tricks.dropout.p:0.5},2:{optimizer.betas:[0.9,0.999],schedule.eta_min:0.0}}"),
        ("plateau", "{1:{optimizer.lr:0.001},2:{optimizer.lr:0.001}}"),
        ("cyclic_cosine", "{2:{tricks.ema.decay:0.9}}"),
        ("step", "{1:{schedule.gamma:0.1},2:{tricks.layer_rates.factor:0.5}}"),
    ],
    ids=["cosine", "plateau", "cyclic", "step"],
)  # fmt: skip
def test_changes_that_change_nothing_give_the_same_bits(settings_in, tmp_path, schedule, changes):
    same = (
        "tricks.dropout.p=0.5",
        "tricks.layer_rates.factor=0.5",
        "tricks.ema.decay=0.9",
        f"schedule={schedule}",
    )
    if schedule == "step":
        same += ("schedule.step_size=1",)
    if schedule == "plateau":
        same += ("schedule.patience=0", "schedule.threshold=10")  # reduces at once
    plain = settings_in(tmp_path, *TRICKS, *same, "trainer.max_epochs=3")
    changing = settings_in(tmp_path, *TRICKS, *same, "trainer.max_epochs=3", f"trainer.changes={changes}")
    train(plain)
    train(changing)
    assert entry_hash(plain) != entry_hash(changing)
    assert_same(changing, plain)


@pytest.mark.slow
@pytest.mark.timeout(900)  # each segment starts processes, which a busy machine is slow to do
def test_several_workers_take_up_the_values_of_each_segment(settings_in, tmp_path):
    changes = ("optimizer=momentum", "optimizer.lr=0.1", "trainer.changes={1:{optimizer.lr:0.01}}")
    several = settings_in(tmp_path / "several", *changes, "runtime.devices=2")
    alone, plain = (settings_in(tmp_path, *changes[:k]) for k in (3, 2))
    losses = [train(config).metrics["validation/loss"] for config in (several, alone, plain)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] != pytest.approx(losses[2], rel=1e-2)


def by_hand(config, rates):
    """Training in torch alone, one learning rate an epoch; the trained parameters."""
    pin_threads(config["runtime"])
    parts = build({**config, "trainer": {**config["trainer"], "changes": None}})
    parts.data.prepare_data()
    parts.data.setup("fit")
    loader = BatchLoader(
        parts.data.examples("train"), batch_size=parts.data.batch_size, seed=config["seed"], shuffle=True
    )
    parts.network.train()
    optimizer = torch.optim.SGD(parts.network.parameters(), lr=1.0, momentum=0.9)
    for epoch, rate in enumerate(rates):
        loader.set_epoch(epoch)
        optimizer.param_groups[0]["lr"] = rate
        for batch in loader:
            optimizer.zero_grad()
            F.cross_entropy(parts.network(batch.input), batch.target).backward()
            optimizer.step()
    return parts.network.state_dict()


def farthest(config, expected):
    """The largest distance of a trained weight from one by hand."""
    import safetensors.torch

    found = safetensors.torch.load_file(run_folder(config) / "network.safetensors")
    return max(float((found[name] - weight).abs().max()) for name, weight in expected.items())


MOMENTUM = ("optimizer=momentum", "optimizer.lr=0.1", "trainer.max_epochs=4")


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("schedule=constant", [0.1, 0.1, 0.02, 0.02]),
        ("schedule=step schedule.step_size=1 schedule.gamma=0.5", [0.1, 0.05, 0.02 / 4, 0.02 / 8]),
    ],
    ids=["constant", "step"],
)
def test_another_rate_from_epoch_2_on_equals_a_loop_by_hand(settings_in, tmp_path, schedule, rates):
    config = settings_in(tmp_path, *MOMENTUM, *schedule.split(), "trainer.changes={2:{optimizer.lr:0.02}}")
    train(config)
    assert farthest(config, by_hand(config, rates)) < 1e-6
    assert farthest(config, by_hand(config, [0.1] * 4)) > 1e-3


def test_without_taking_up_the_values_nothing_changes(settings_in, tmp_path, monkeypatch):
    load = saver.Saver.on_load_checkpoint

    def forgetful(self, trainer, module, checkpoint):
        load(self, trainer, module, checkpoint)
        module.takes_up = False

    monkeypatch.setattr(saver.Saver, "on_load_checkpoint", forgetful)
    config = settings_in(tmp_path, *MOMENTUM, "trainer.changes={2:{optimizer.lr:0.02}}")
    train(config)
    assert farthest(config, by_hand(config, [0.1] * 4)) < 1e-6


CHAIN = (
    *TRICKS, "tricks.layer_rates.factor=0.5", "schedule=cosine", "trainer.max_epochs=4",
    "trainer.changes={1:{optimizer.lr:0.004,tricks.dropout.p:0.2},3:{tricks.dropout.p:0.1,optimizer.betas:[0.8,0.99]}}",
)  # fmt: skip


def killed_at(config, step):
    """Train in a child that kills itself when a step is done."""
    pid = os.fork()
    if pid == 0:
        count, original = [0], saver.Saver.on_train_batch_end

        def hook(self, *args):
            original(self, *args)
            count[0] += 1
            if count[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)

        saver.Saver.on_train_batch_end = hook
        train(config)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def steps_of_an_epoch(config):
    record = find_record(config)
    return int(record.history["validation/loss"][0][0])


def test_kill_9_in_any_segment_resumes_to_the_same_bits(settings_in, tmp_path):
    whole = settings_in(tmp_path / "whole", *CHAIN, "runtime.checkpoint_every_s=1e9")
    assert train(whole).status is Status.FINISHED
    epoch = steps_of_an_epoch(whole)
    for name, step, every in (("edge", epoch + 1, 1e9), ("middle", epoch + 7, 0.0)):
        killed = settings_in(tmp_path / name, *CHAIN, f"runtime.checkpoint_every_s={every}")
        killed_at(killed, step)
        assert find_record(killed).status is Status.RUNNING
        train(killed)
        assert find_record(killed).resumes == 1
        assert_same(killed, whole)


@pytest.mark.slow
def test_pauses_anywhere_change_nothing(settings_in, tmp_path):
    whole = settings_in(tmp_path / "whole", *CHAIN)
    train(whole)
    for stop in (1, 2, 3):
        paused = settings_in(tmp_path / "paused", *CHAIN, f"runtime.stop_epoch={stop}")
        assert train(paused).status is Status.PAUSED
        assert len(find_record(paused).history["validation/loss"]) == stop
    rest = settings_in(tmp_path / "paused", *CHAIN)
    train(rest)
    assert_same(rest, whole)


def test_a_trained_network_has_the_values_of_its_end(settings_in, tmp_path):
    config = settings_in(
        tmp_path,
        "network=dense_200_100_100",
        "tricks=[dropout]",
        "trainer.changes={1:{tricks.dropout.p:0.25}}",
    )
    train(config)
    _, parts = trained(run_folder(config))
    assert {m.p for m in parts.network.modules() if isinstance(m, torch.nn.Dropout)} == {0.0, 0.25}
    assert last_values(config)["trainer"]["changes"] is None


def test_no_changes_are_no_part_of_an_entry(settings):
    plain = settings()
    without = {**plain, "trainer": {key: v for key, v in plain["trainer"].items() if key != "changes"}}
    assert entry_hash(without) == entry_hash(plain) == entry_hash(settings("trainer.changes={}"))
    one, other = (
        settings("trainer.changes={1:{optimizer.lr:1}}"),
        settings("trainer.changes={1:{optimizer.lr:1.0}}"),
    )
    assert entry_hash(one) == entry_hash(other) != entry_hash(plain)
    assert entry_hash(before(one, 1)) == entry_hash(plain)
    assert entry_hash(before(one, 2)) == entry_hash(one)


def test_a_chain_pauses_where_values_change_and_where_it_is_asked_to(settings):
    config = settings(
        "trainer.max_epochs=9", "trainer.changes={10:{}}".replace("10", "7"), "runtime.stop_epoch=8"
    )
    assert [(s.begin, s.config["runtime"]["stop_epoch"]) for s in segments(config)] == [(0, 7), (7, 8)]
    config = settings("trainer.max_epochs=12", "trainer.changes={10:{optimizer.lr:3},9:{optimizer.lr:2}}")
    assert list(config["trainer"]["changes"]) == ["9", "10"]
    assert [s.config["optimizer"]["lr"] for s in segments(config)] == [0.001, 2, 3]
    assert [s.begin for s in segments({**config, "runtime": {**config["runtime"], "stop_epoch": 9}})] == [0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ("{2:{optimizer.lr:0.1}}", "epochs from 1 to 1, got 2"),
        ("{0:{optimizer.lr:0.1}}", "epochs from 1 to 1, got 0"),
        ("{first:{optimizer.lr:0.1}}", "epochs from 1 to 1, got first"),
        ("{1:{network.widths:[3]}}", "must change values of optimizer, schedule, tricks, augment, got network.widths"),
        ("{1:{trainer.max_epochs:3}}", "got trainer.max_epochs"),
        ("{1:{seed:3}}", "got seed"),
        ("{1:{optimizer.rl:0.1}}", "did you mean optimizer.lr"),
        ("{1:{optimizer._target_:torch.optim.SGD}}", "says what is built"),
        ("{1:{optimizer.lr:fast}}", "trainer.changes.1: optimizer.lr must be"),
        ("{1:0.1}", "trainer.changes must be"),
        ("[1]", "trainer.changes must be"),
    ],
    ids=["late", "zero", "word", "network", "epochs", "seed", "typo", "target", "type", "no-values", "list"],
)  # fmt: skip
def test_what_may_not_change_is_refused_when_it_is_composed(settings, changes, says):
    with pytest.raises(ConfigError, match=says.replace("[", r"\[")) as error:
        settings(f"trainer.changes={changes}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("chosen", "changes", "says"),
    [
        ("optimizer=adam", "optimizer.amsgrad:true", "the optimizer's moments must stay"),
        ("tricks=[layer_rates] tricks.layer_rates.factor=1.0", "tricks.layer_rates.factor:0.5", "the optimizer's groups"),
        ("tricks=[freeze] network=dense_30 tricks.freeze.top_blocks=0", "tricks.freeze.top_blocks:1", "that are trained"),
        ("tricks=[dropout]", "tricks.dropout.p:1.5", "trainer.changes.1: tricks.dropout: p must"),
    ],
    ids=["moments", "groups", "frozen", "value"],
)  # fmt: skip
def test_what_changes_the_state_is_refused_before_any_training(settings, monkeypatch, chosen, changes, says):
    config = settings(*chosen.split(), f"trainer.changes={{1:{{{changes}}}}}")
    monkeypatch.setattr(training, "fit", lambda *args, **how: pytest.fail("it was trained"))
    with pytest.raises(ConfigError, match=says) as error:
        train(config)
    assert "\n" not in str(error.value)
    assert find_record(config) is None


def test_arrays_in_memory_take_no_changes():
    from podium.run.estimator import PodiumClassifier

    with pytest.raises(ConfigError, match="changes must be null for arrays"):
        PodiumClassifier(["trainer.changes={1:{optimizer.lr:0.1}}"]).fit([[0.0], [1.0]] * 9, [0, 1] * 9)
