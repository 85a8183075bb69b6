"""The parts of `trainer=gpu`, each on the CPU: they change how steps are carried out, and not what is learned."""

import copy
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from podium.data.arrays import Arrays, resident
from podium.records.record import entry_hash
from podium.run.assemble import compose
from podium.run.build import build, make
from podium.run.engine import compile_network
from podium.run.errors import ConfigError
from podium.run.settings import MODES
from podium.run.train import train

SMALL = (
    "network=lecture_cnn",
    "network.filters=[4,4]",
    "network.widths=[8]",
    "data=digits",
    "data.view.fraction=0.2",
    "data.batch_size=16",
    "trainer.max_epochs=2",
    "tracking=none",
    "runtime.accelerator=cpu",
    "runtime.progress=false",
)
ROOM = 10**9


def losses(tmp_path: Path, *words: str) -> list[float]:
    """The losses of a run, of training and validation."""
    record = train(compose([*SMALL, f"paths.runs={tmp_path / 'runs'}", *words]), pictures=False)
    assert record.history is not None
    return [value for name in ("train/loss", "validation/loss") for _, value in record.history[name]]


def test_the_recipe_is_one_choice_and_other_values_stay() -> None:
    plain, recipe = compose([*SMALL]), compose([*SMALL, "trainer=gpu"])
    assert recipe["optimizer"] == {**plain["optimizer"], "fused": True}
    chosen = {"precision": "bf16-mixed", "channels_last": True, "compile": True}
    assert recipe["trainer"] == {**plain["trainer"], **chosen}
    assert entry_hash(recipe) != entry_hash(plain)
    assert {key: recipe[key] for key in ("network", "schedule")} == {
        key: plain[key] for key in ("network", "schedule")
    }


def test_an_optimizer_without_a_fused_form_is_named() -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.fused is not a parameter of RMSprop"):
        compose([*SMALL, "trainer=gpu", "optimizer=rmsprop"])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "momentum"])
def test_a_fused_optimizer_steps_as_the_plain_one(optimizer: str) -> None:
    networks = []
    for words in ([], ["+optimizer.fused=true"]):
        config = compose([*SMALL, f"optimizer={optimizer}", *words])
        parts = build(config)
        network = copy.deepcopy(parts.network)
        made = make(config["optimizer"], "optimizer")(network.parameters())
        batch = parts.data
        batch.prepare_data()
        batch.setup("fit")
        examples = parts.data.examples("train")
        for step in range(30):
            given = examples.batch(torch.arange(16 * (step % 4), 16 * (step % 4) + 16))
            made.zero_grad()
            F.cross_entropy(network(given.input), given.target).backward()
            made.step()
        networks.append(network)
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert float((one - other).detach().abs().max()) < 1e-6


def test_channels_last_gives_the_same_losses(tmp_path: Path) -> None:
    assert losses(tmp_path, "trainer.channels_last=true") == pytest.approx(losses(tmp_path), abs=1e-5)


def test_bfloat16_gives_nearly_the_same_losses_and_weights_stay_float32(tmp_path: Path) -> None:
    plain, mixed = losses(tmp_path), losses(tmp_path, "trainer.precision=bf16-mixed")
    assert mixed == pytest.approx(plain, rel=0.05)
    assert mixed != plain
    assert all(
        p.dtype == torch.float32
        for p in build(compose([*SMALL, "trainer.precision=bf16-mixed"])).network.parameters()
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["true", *MODES])
def test_a_compiled_network_gives_the_same_losses(tmp_path: Path, mode: str) -> None:
    """Its last batches, of training and of validation, are smaller than the others."""
    data = build(compose([*SMALL])).data
    data.prepare_data()
    data.setup("fit")
    assert all(len(data.examples(split)) % 16 > 1 for split in ("train", "validation"))
    torch.compiler.reset()  # what another mode left is not taken for this one's
    assert losses(tmp_path, f"trainer.compile={mode}") == pytest.approx(losses(tmp_path), abs=1e-4)


def test_a_mode_of_compilation_is_another_entry_and_true_is_what_it_was() -> None:
    kinds = [compose([*SMALL, f"trainer.compile={kind}"]) for kind in ("false", "true", "reduce-overhead")]
    assert [config["trainer"]["compile"] for config in kinds] == [False, True, "reduce-overhead"]
    assert entry_hash(kinds[0]) == entry_hash(compose([*SMALL]))
    assert len({entry_hash(config) for config in kinds}) == 3


WRONG = {
    "trainer.compile=fast": (
        r"trainer\.compile must be true, false or one of reduce-overhead, max-autotune, max-autotune-no-cudagraphs, "
        r"got fast; set true for torch's default mode"
    ),
    "trainer.compile=default": r"trainer\.compile must be true, .* got default; set true",
    "trainer.compile=2": r"trainer\.compile must be bool \| str, got 2",
    "trainer.compile=reduce-overhead trainer.accumulate=2": (
        r"trainer\.accumulate must be 1 with compile=reduce-overhead, .* got 2; set compile=true"
    ),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_mode_is_one_line(words: str) -> None:
    with pytest.raises(ConfigError, match=WRONG[words]) as told:
        compose([*SMALL, *words.split()])
    assert "\n" not in str(told.value)


def test_gradients_may_be_gathered_where_there_are_no_graphs() -> None:
    for mode in ("true", "max-autotune-no-cudagraphs"):
        compose([*SMALL, f"trainer.compile={mode}", "trainer.accumulate=2"])


def test_the_mode_is_given_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **how: asked.append(how))
    for wanted in (False, True, "reduce-overhead"):
        compile_network(torch.nn.Linear(2, 2), wanted)
    assert asked == [{"mode": None}, {"mode": "reduce-overhead"}]


def arrays(examples: int = 8) -> Arrays:
    inputs = torch.arange(examples * 3, dtype=torch.float32).view(examples, 3)
    return Arrays(inputs, torch.arange(examples), torch.arange(examples))


def test_a_small_data_set_lives_on_the_device_and_gives_the_same_batches() -> None:
    there = resident(arrays(), torch.device("meta"), free=ROOM)
    assert isinstance(there, Arrays)
    assert there.input.device.type == there.target.device.type == "meta"
    assert there.batch(torch.tensor([3, 1])).input.device.type == "meta"  # though the rows are on the CPU
    here = resident(arrays(), torch.device("cpu"), free=ROOM)
    rows = torch.tensor([3, 1])
    assert torch.equal(here.batch(rows).input, arrays().batch(rows).input)
    assert torch.equal(here.batch(rows).target, rows)


def test_what_would_take_half_of_the_device_or_is_read_from_files_stays_where_it_is() -> None:
    examples = arrays()
    size = examples.input.nbytes + examples.target.nbytes
    assert resident(examples, torch.device("meta"), free=2 * size - 1) is examples
    assert resident(examples, torch.device("meta"), free=2 * size) is not examples
    files = object()
    assert resident(files, torch.device("meta"), free=ROOM) is files  # type: ignore[arg-type, comparison-overlap]
