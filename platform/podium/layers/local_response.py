"""Local response normalisation, which lets neighbouring feature maps inhibit each other.

Krizhevsky, Sutskever and Hinton 2012, section 3.3, https://doi.org/10.1145/3065386:

    b_i = a_i / (2 + 1e-4 * sum of a_j^2 over the five maps j around i)^0.75

Follows the paper. torch averages over the five where the paper sums, so its alpha is five times the paper's.
"""

from torch import nn

_SIZE, _ALPHA, _BETA, _K = 5, 1e-4, 0.75, 2.0


def local_response_norm() -> nn.LocalResponseNorm:
    """A new module with the constants of the paper."""
    return nn.LocalResponseNorm(_SIZE, alpha=_ALPHA * _SIZE, beta=_BETA, k=_K)
