"""What a training step gains by its form, precision and memory layout, on this processor: the choices of `trainer=auto`.

Steps of ResNet-18 and ResNet-50 on pictures of 224 drawn at random, built as `podium train` builds them, all forms in turn;
the least of some rounds of each, one thread's own processor time.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from podium.contracts import Batch
from podium.run.assemble import compose
from podium.run.build import build
from podium.run.engine import plain_memory
from podium.run.forms import PLAIN, Form, _seconds, candidates, fastest, steps_of

BATCH, ROUNDS = 8, 3
MUST, GOAL = 2.0, 3.5
CPU, CPU_FILE = torch.device("cpu"), Path("/proc/cpuinfo")
CPU_FLAGS = CPU_FILE.read_text().split() if CPU_FILE.is_file() else []
WORDS = (f"data.batch_size={BATCH}", "data=imagenet", "tracking=none", "runtime.accelerator=cpu")


def form_config(network: str, form: Form) -> dict[str, object]:
    """The configuration of a network in a form."""
    layout = str(form.channels_last).lower()
    return compose(
        [
            *WORDS,
            f"network={network}",
            f"trainer.precision={form.precision}",
            f"trainer.channels_last={layout}",
        ]
    )


def shown(form: Form) -> str:
    """A form for people."""
    parts = [form.precision, *(["channels last"] if form.channels_last else [])]
    return " ".join(parts)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_a_training_step_in_its_fastest_form(network: str, note: Callable[..., None]) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch = Batch(torch.rand(BATCH, 3, 224, 224), torch.randint(0, 1000, (BATCH,)))
    parts = build(form_config(network, PLAIN))
    forms = candidates(
        PLAIN, ["precision", "channels_last"], parts.network, sample=batch.input[0], modes=[False]
    )
    with plain_memory():
        steps = {form: steps_of(build(form_config(network, form)), form, batch, CPU) for form in forms}
        found = fastest(forms, steps.__getitem__)
        times: dict[Form, list[float]] = {form: [] for form in forms}
        for _ in range(ROUNDS):
            for form, step in steps.items():
                times[form].append(_seconds(step))
    least = {form: min(taken) for form, taken in times.items()}
    ratios = {form: least[PLAIN] / least[form] for form in forms[1:]}
    flags = [name for name in ("avx512_bf16", "amx_bf16") if name in CPU_FLAGS]
    note(
        what=f"precision and layout autopilot, a step of {network} at 224, batch {BATCH}, one thread",
        against="32-true",
        measured=f"{found.speedup:.2f}x with {shown(found.form)}, of "
        + ", ".join(f"{shown(form)} {ratio:.2f}x" for form, ratio in ratios.items())
        + f"; 32-true {1000 * least[PLAIN] / BATCH:.0f} ms an image ({', '.join(flags) or 'no bf16 instructions'})",
        must=f"{MUST:g}x where avx512_bf16 or amx is",
        goal=f"{GOAL:g}x",
        met=found.speedup >= MUST or not flags,
    )
