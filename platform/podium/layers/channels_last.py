"""Where torch must not convolve channels-last pictures on a CPU.

oneDNN, with which torch convolves there, writes past its memory when it computes the gradient of a 1x1 convolution of
a stride above 1 whose input has fewer channels than a vector register holds numbers (its issue 6035, 2026: 8 with AVX2,
16 with AVX-512): a wrong gradient, a hang, or a process that dies later and elsewhere. Channels first is not affected.
"""

from torch import nn

NUMBERS = 16  # of the widest registers: a record may be trained again on another machine


def corrupted(network: nn.Module) -> str | None:
    """The name of the first layer whose gradient cannot be trusted then; null where there is none."""
    for name, module in network.named_modules():
        if (
            isinstance(module, nn.Conv2d)
            and max(module.kernel_size) == 1
            and max(module.stride) > 1
            and module.in_channels // module.groups < NUMBERS
        ):
            return name or type(module).__name__
    return None
