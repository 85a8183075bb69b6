"""The ways in which the pictures of all lanes lie in memory and are convolved; which is fastest is measured."""

from enum import StrEnum


class Form(StrEnum):
    """How convolutions and batch normalisations of all lanes are carried out; the other layers have one form."""

    APART = "lane by lane"
    GROUPED = "in groups"  # as one convolution with a group for each lane
    CHANNELS_LAST = "lane by lane, channels last"  # a pixel's channels side by side in memory
