"""Training on a GPU, for `make bench-gpu`: images a second of ResNet-50, the time to 94% on CIFAR-10, and a map of LeNets.

The first two are built from `trainer=gpu`. Synthetic batches lie on the GPU; packed ones are read, cut and copied there. The
map is 10 initialisers x 100 rates of dropout, each cell a run of 10 epochs of MNIST, trained as packs;
`PODIUM_MAP_CELLS=100` trains so many of them, spread over it. Nothing is noted where there is no GPU.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import torch
from bench_input import data, root  # noqa: F401  the fixture

from podium.augment.flip import Flip
from podium.augment.resized_crop import ResizedCrop
from podium.contracts import Batch
from podium.data.loader import BatchLoader
from podium.pack.bucket import buckets
from podium.pack.train import train_packed
from podium.records.journal import JOURNAL_FILE, read
from podium.run.assemble import compose
from podium.run.build import build
from podium.run.folders import find_folders
from podium.run.forms import Form, steps_of
from podium.run.train import train

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]
Note = Callable[..., None]
BATCH, WARM_UP, SECONDS = 256, 10, 20.0
RESNET = ("network=resnet50", "data=imagenet", f"data.batch_size={BATCH}", "trainer=gpu", "tracking=none")
CIFAR = ("network=cifar_resnet20", "data=cifar10", "augment=flip_crop", "trainer=gpu", "tracking=none")
ERROR = 0.06
GPU = torch.device("cuda")
RECIPE = Form("bf16-mixed", True, True)
MAP = ("network=lenet5", "data=mnist", "trainer.max_epochs=10", "tracking=none", "runtime.progress=false")
INITIALIZERS = (
    *("glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform"),
    *("orthogonal", "small_normal", "small_uniform", "torch_default"),
)
CELLS = [(initializer, rate / 125) for initializer in INITIALIZERS for rate in range(100)]


def rate(
    words: Iterable[str], form: Form, batches: Iterator[Batch], device: torch.device, seconds: float
) -> float:
    """Images a second of training steps, which take their batches one after the other."""
    parts, given = build(compose([*words])), next(batches)
    step = steps_of(parts, form, given, device)
    for _ in range(WARM_UP):
        step()
    images, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        batch = next(batches)
        step(batch)
        images += len(batch.target)
    return images / spent


def synthetic(device: torch.device, batch: int, side: int) -> Iterator[Batch]:
    """The same random pictures again and again, on the device."""
    one = Batch(
        torch.rand(batch, 3, side, side, device=device), torch.randint(0, 1000, (batch,), device=device)
    )
    return itertools.repeat(one)


def packed(folder: Path) -> Iterator[Batch]:
    """Epoch after epoch of a pack of pixels, cut to 224 and mirrored while reading."""
    built = data(folder, "data.images.crops=resized", f"data.images.packed={folder / 'pixels'}")
    left = [ResizedCrop(scale=[0.08, 1.0], ratio=[3 / 4, 4 / 3]), Flip(horizontal_p=0.5, vertical_p=0.0)]
    assert built.take_over(left) == []
    loader = BatchLoader(built.training(plain=True), batch_size=BATCH, seed=0, shuffle=True)
    for epoch in itertools.count():
        loader.set_epoch(epoch)
        yield from loader


def test_resnet50(root: Path, note: Note) -> None:  # noqa: F811
    for name, batches in (("synthetic", synthetic(GPU, BATCH, 224)), ("packed pixels", packed(root))):
        found = rate(RESNET, RECIPE, batches, GPU, SECONDS)
        note(
            what=f"ResNet-50 training at 224, {name} input, batch {BATCH}",
            against=torch.cuda.get_device_name(),
            measured=f"{found:,.0f} images/s",
            must="8,000 on an H200" if name == "synthetic" else "",
            goal="10,000" if name == "synthetic" else "",
            met=name != "synthetic" or found >= 8000,
        )


def test_time_to_accuracy(tmp_path: Path, note: Note) -> None:
    if not Path("datasets/cifar10").is_dir():
        pytest.skip("CIFAR-10 is not in datasets/; podium data prepare data=cifar10 brings it")
    config = compose([*CIFAR, f"paths.runs={tmp_path}", "trainer.max_epochs=60", "runtime.progress=false"])
    train(config, pictures=False)
    (folder,) = find_folders(config)
    events = read(folder / JOURNAL_FILE)
    name = "validation/top1_error"
    reached = [e["time"] for e in events if e["kind"] == "point" and e["metrics"].get(name, 1.0) <= ERROR]
    seconds = reached[0] - events[0]["time"] if reached else None
    note(
        what="CIFAR-10 to 94% of the validation split",
        against=torch.cuda.get_device_name(),
        measured="not reached in 60 epochs" if seconds is None else f"{seconds:.1f} s",
        must="1.5 s on an H200",
        goal="1.0 s",
        met=seconds is not None and seconds <= 1.5,
    )


def map_seconds(words: Iterable[str], folder: Path, cells: int) -> tuple[int, int, float]:
    """Train so many cells of the map as packs: runs that were trained, programs, and the seconds it took."""
    chosen = [CELLS[k * len(CELLS) // cells] for k in range(cells)]
    words = [*words, "tricks=[dropout]", f"paths.runs={folder}"]
    configs = [
        compose([*words, f"initializer={initializer}", f"tricks.dropout.p={rate}"])
        for initializer, rate in chosen
    ]
    runs = programs = 0
    began = time.perf_counter()
    for places in buckets(configs).packs:
        records, made = train_packed([configs[place] for place in places])
        runs, programs = runs + len(records), programs + made
    return runs, programs, time.perf_counter() - began


@pytest.mark.timeout(0)
def test_map_of_initialisers_and_dropout(tmp_path: Path, note: Note) -> None:
    if not Path("datasets/MNIST").is_dir():
        pytest.skip("MNIST is not in datasets/; podium data prepare data=mnist brings it")
    cells = int(os.environ.get("PODIUM_MAP_CELLS", len(CELLS)))
    runs, programs, seconds = map_seconds(MAP, tmp_path, cells)
    note(
        what=f"{cells} of {len(CELLS)} LeNets (initialiser x dropout), MNIST, 10 epochs, as packs",
        against=torch.cuda.get_device_name(),
        measured=f"{seconds / 60:.1f} min in {programs} programs",
        must="",
        goal="",
        met=runs == cells,
    )
