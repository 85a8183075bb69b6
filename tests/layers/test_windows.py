"""Sequences that are read in windows."""

import pytest
import torch
from torch.nn import functional as F

from podium.layers.windows import Windows

LENGTHS = torch.tensor([23, 1, 8, 9, 14, 20])


def sequence():
    return torch.randn(len(LENGTHS), 23, 3, generator=torch.Generator().manual_seed(0))


def neighbours(given, lengths):
    """At every place the sum of three places, of which those behind the end of a sequence are zero."""
    if lengths is not None:
        given = given * (torch.arange(given.shape[1]) < lengths[:, None])[..., None]
    return F.avg_pool1d(given.transpose(1, 2), 3, stride=1, padding=1).transpose(1, 2) * 3


def context(place, first, length):
    return min(place - first, first + length - 1 - place)


@pytest.mark.parametrize(("length", "stride"), [(8, 4), (8, 3), (9, 2), (5, 5), (1, 1), (40, 7)])
def test_every_place_is_read_in_the_window_that_gives_it_the_most_context(length, stride):
    given, seen = sequence(), []

    def note(windows, extents):
        rows = zip(windows, [length] * len(windows) if extents is None else extents.tolist(), strict=True)
        seen.append([window[:extent] for window, extent in rows])
        return torch.stack([torch.full((length, 1), float(row)) for row in range(len(windows))])

    numbers = Windows(length, stride).read(note, given, LENGTHS)[..., 0]
    row = 0
    for example, end in enumerate(LENGTHS.tolist()):
        firsts = [first for first in range(0, end, stride) if first == 0 or first - stride + length < end]
        for k, first in enumerate(firsts):
            assert torch.equal(seen[0][row + k], given[example, first : min(first + length, end)])
        for place in range(end):
            inside = [first for first in firsts if first <= place < first + length]
            taken = firsts[int(numbers[example, place]) - row]
            best = max(context(place, first, length) for first in inside)
            assert taken in inside
            assert context(place, taken, length) == best
        row += len(firsts)
    assert len(seen[0]) == row


def test_windows_that_overlap_enough_see_what_is_seen_in_one_piece_and_others_do_not():
    given = sequence()
    whole = neighbours(given, LENGTHS)
    there = torch.arange(23) < LENGTHS[:, None]
    for length, stride, same in ((8, 6, True), (23, 1, True), (8, 8, False)):
        read = Windows(length, stride).read(neighbours, given, LENGTHS)
        assert torch.allclose(read[there], whole[there], atol=1e-6) is same
    assert torch.allclose(Windows(8, 6).read(neighbours, given, None), neighbours(given, None), atol=1e-6)


def test_gradients_come_back_through_every_window_a_place_is_taken_from():
    given = sequence().requires_grad_()
    Windows(8, 4).read(neighbours, given, LENGTHS).sum().backward()
    there = torch.arange(23) < LENGTHS[:, None]
    assert bool((given.grad[there] != 0).all())


def test_without_values_there_are_shapes():
    given = sequence().to("meta")
    assert Windows(8, 4).read(neighbours, given, None).shape == given.shape


@pytest.mark.parametrize(("length", "stride"), [(0, 0), (4, 0), (4, 5), (4, -1)])
def test_windows_that_leave_places_out_are_refused(length, stride):
    with pytest.raises(
        ValueError, match=rf"a stride from 1 to it, got {length} and {stride}; set network\.w"
    ):
        Windows(length, stride)
