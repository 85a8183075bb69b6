"""Captions: a handful of pictures is learned by heart, and what is written depends on the picture."""

import pytest
import torch
from torch.nn import functional as F

import podium
from podium.data.shapes_captions import ShapesCaptions
from podium.layers.writer import cut
from podium.networks.captioner import Captioner


def captioner(**changes: object) -> Captioner:
    torch.manual_seed(0)
    options: dict[str, object] = {
        "in_shape": [3, 64, 64],
        "num_classes": 13,
        "filters": [8, 16, 16],
        "cell": "gru",
        "embedding": 8,
        "widths": [32],
        "longest": 9,
        "dropout": 0.0,
        "forget_bias": None,
    }
    return Captioner(**options | changes)  # type: ignore[arg-type]


def test_it_learns_a_handful_of_captions() -> None:
    data = podium.build("data=shapes_captions", "network=captioner").data
    assert isinstance(data, ShapesCaptions)
    batch = data.examples("train").batch(slice(0, 6))
    captions = [data.text(row.tolist()) for row in batch.target]
    assert len(set(captions)) == 6
    network = captioner()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(network(*batch), batch.target, ignore_index=-1).backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        written = cut(network(batch.input).argmax(1))
    assert [data.text(row.tolist()) for row in written] == captions
    beam, _ = network.search(batch.input, beams=3)
    assert torch.equal(beam, written)
    blank, _ = network.search(torch.zeros_like(batch.input), beams=1)
    assert len({data.text(row.tolist()) for row in blank}) == 1


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_every_layer_begins_with_what_was_seen(cell: str) -> None:
    network = captioner(cell=cell, widths=[8, 6], forget_bias=1.0 if cell == "lstm" else None)
    memory = network.read(torch.rand(2, 3, 64, 64))
    parts = 2 if cell == "lstm" else 1
    shapes = [[tuple(part.shape) for part in state] for state in memory.states]
    assert shapes == [[(1, 2, 8)] * parts, [(1, 2, 6)] * parts]


def test_what_it_cannot_be_made_of_is_refused() -> None:
    for changes, said in (
        ({"in_shape": [3, 2, 64]}, "captioner requires images of at least 8x8, got 3x2x64"),
        ({"filters": []}, r"filters must be positive, got \[0\]; set"),
        ({"widths": [0]}, r"widths must be positive, got \[0\]; set"),
    ):
        with pytest.raises(ValueError, match=said):
            captioner(**changes)
