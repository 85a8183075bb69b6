"""Which parameters count as weights: the ones that penalties and decay shrink."""

from torch import nn

_NORMS = (nn.LayerNorm, nn.RMSNorm)  # the norms whose gains may have two dimensions or more


def shrinkable(network: nn.Module) -> list[nn.Parameter]:
    """Trained parameters with at least 2 dimensions: no biases and no gains of norms; a shared one once."""
    found = {
        parameter: None
        for module in network.modules()
        if not isinstance(module, _NORMS)
        for parameter in module.parameters(recurse=False)
        if parameter.ndim >= 2 and parameter.requires_grad
    }
    return list(found)


def require_shrinkable(network: nn.Module) -> None:
    """Refuse a network on which a penalty would do nothing.

    Raises:
        ValueError: no trained parameter has 2 dimensions.
    """
    if not shrinkable(network):
        raise ValueError(
            f"the network must have trained weights of at least 2 dimensions, got {type(network).__name__} "
            "without one; choose another network or leave this trick out"
        )


def require_trained(network: nn.Module) -> None:
    """Refuse a network without a single trained parameter.

    Raises:
        ValueError: nothing in the network is trained.
    """
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(
            f"the network must have trained parameters, got {type(network).__name__} without one; "
            "choose another network or leave this trick out"
        )
