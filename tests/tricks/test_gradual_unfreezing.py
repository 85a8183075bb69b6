from itertools import pairwise

import pytest
import torch
from torch import nn

from podium.tricks.freeze import Freeze
from podium.tricks.gradual_unfreezing import GradualUnfreezing

LAYERS = ("0", "3", "6")


def deep() -> nn.Module:
    """Three blocks: 0 and 1, 3 and 4, 6."""
    torch.manual_seed(1)
    layers = (nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(8, 3))


def trained_by_epoch(tools, tricks, epochs, **settings):
    """The layers, and the norms' statistics, that each epoch changed."""
    ends = tools.At("on_train_epoch_end")
    fitted = tools.fit(tricks, epochs=epochs, callbacks=[ends], network=deep(), **settings)
    states = [tools.copy_of(deep()), *ends.seen]
    changed = [
        {name for name in after if not torch.equal(before[name], after[name])}
        for before, after in pairwise(states)
    ]
    names = (*(f"{layer}.weight" for layer in LAYERS), "1.running_mean", "4.running_mean")
    return [[name for name in names if name in one] for one in changed], fitted


def test_one_more_block_is_trained_after_every_so_many_epochs(tools):
    head, middle, below = ["6.weight"], ["3.weight", "4.running_mean"], ["0.weight", "1.running_mean"]
    seen, fitted = trained_by_epoch(tools, [GradualUnfreezing(every=2)], 5)
    wanted = [head, head, head + middle, head + middle, head + middle + below]
    assert [set(names) for names in seen] == [set(names) for names in wanted]
    assert all(p.requires_grad for p in fitted.network.parameters())


def test_the_first_epoch_is_that_of_a_frozen_network(tools):
    one = tools.fit([GradualUnfreezing(every=5)], epochs=2, network=deep()).network
    other = tools.fit([Freeze(top_blocks=0)], epochs=2, network=deep()).network
    assert tools.equal(tools.copy_of(one), tools.copy_of(other))


def test_zero_is_neutral(tools):
    one, other = (tools.fit(t, network=deep()).network for t in ([GradualUnfreezing(every=0)], []))
    assert tools.equal(tools.copy_of(one), tools.copy_of(other))


def test_it_resumes_bit_for_bit(tools, tmp_path):
    tools.resumes(lambda: GradualUnfreezing(every=1), tmp_path)
    tools.resumes(lambda: GradualUnfreezing(every=3), tmp_path)


def test_it_works_with_accumulated_batches(tools):
    seen, _ = trained_by_epoch(tools, [GradualUnfreezing(every=1)], 2, accumulate=3)
    assert [len(names) for names in seen] == [1, 3]


def test_what_is_frozen_for_good_stays_frozen(tools):
    seen, fitted = trained_by_epoch(tools, [Freeze(top_blocks=1), GradualUnfreezing(every=1)], 4)
    assert "0.weight" not in {name for names in seen for name in names}
    assert not fitted.network[0].weight.requires_grad


def test_blocks_that_were_never_trained_are_named_at_the_end(tools, caplog):
    tools.fit([GradualUnfreezing(every=1)], epochs=2, network=deep())
    assert "gradual_unfreezing left 1 of 3 blocks frozen to the end" in caplog.text
    caplog.clear()
    tools.fit([GradualUnfreezing(every=1)], epochs=3, network=deep())
    assert "frozen" not in caplog.text


def test_a_network_with_nothing_to_train_below_its_head_is_refused():
    message = r"^the network must hold a trained block below its head, got .* leave this trick out$"
    for network in (nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), Freeze(top_blocks=0).edit_network(deep())):
        with pytest.raises(ValueError, match=message):
            GradualUnfreezing(every=1).edit_network(network)


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match=r"^every must be at least 0 epochs, got -1; 0 switches it off$"):
        GradualUnfreezing(every=-1)
