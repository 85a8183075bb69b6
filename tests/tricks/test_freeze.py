import pytest
import torch
from torch import nn

from podium.tricks.freeze import Freeze

HEAD = {"6.weight", "6.bias"}
MIDDLE = {"3.weight", "3.bias", "4.weight", "4.bias"}


def deep() -> nn.Module:
    """Three blocks: 0 and 1, 3 and 4, 6."""
    torch.manual_seed(1)
    layers = (nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(8, 3))


def changed(before, network):
    return {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}


def statistics(*norms):
    return {f"{k}.{what}" for k in norms for what in ("running_mean", "running_var", "num_batches_tracked")}


@pytest.mark.parametrize(("top", "wanted"), [(0, HEAD), (1, HEAD | MIDDLE | statistics(4))])
def test_only_the_head_and_the_top_blocks_change_not_even_the_statistics_of_the_rest(tools, top, wanted):
    before = tools.copy_of(deep())
    assert changed(before, tools.fit([Freeze(top_blocks=top)], network=deep()).network) == wanted


def test_without_the_trick_everything_changes(tools):
    before = tools.copy_of(deep())
    assert changed(before, tools.fit([], network=deep()).network) == set(before)


def test_the_head_is_trained_as_logistic_regression_on_the_evaluated_features(tools):
    """Reference: the features once, then momentum on one linear layer."""
    got = tools.fit([Freeze(top_blocks=0)], epochs=1, network=deep()).network[6]
    network = deep().eval()
    head, velocity = network[6], {}
    for batch in tools.make_batches(3):
        features = network[:6](batch.input).detach()
        nn.functional.cross_entropy(head(features), batch.target).backward()
        with torch.no_grad():
            for p in head.parameters():
                velocity[p] = 0.9 * velocity.get(p, 0) + p.grad
                p -= 0.1 * velocity[p]
                p.grad = None
    torch.testing.assert_close(got.weight, head.weight)
    torch.testing.assert_close(got.bias, head.bias)


def test_the_optimizer_does_not_see_what_is_frozen(tools):
    (optimizer,) = tools.fit([Freeze(top_blocks=0)], network=deep()).trainer.optimizers
    assert sum(p.numel() for group in optimizer.param_groups for p in group["params"]) == 8 * 3 + 3


def test_null_is_neutral(tools):
    one, other = (tools.fit(t, network=deep()) for t in ([Freeze(top_blocks=None)], []))
    assert tools.equal(tools.copy_of(one.network), tools.copy_of(other.network))


def test_it_resumes_bit_for_bit(tools, tmp_path):
    tools.resumes(lambda: Freeze(top_blocks=0), tmp_path)


@pytest.mark.parametrize("top", [2, 7])
def test_a_network_with_nothing_to_freeze_is_refused(top):
    message = rf"^the network must hold a block below its head and top_blocks={top} more, got Sequential with 3 blocks "
    with pytest.raises(ValueError, match=message):
        Freeze(top_blocks=top).edit_network(deep())


def test_a_negative_number_is_refused():
    with pytest.raises(
        ValueError, match=r"^top_blocks must be null or at least 0, got -1; null freezes nothing$"
    ):
        Freeze(top_blocks=-1)
