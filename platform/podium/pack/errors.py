"""What a caller of this room catches."""


class Unpackable(Exception):
    """These runs cannot be one program, or would not be faster as one; the message is the reason in one line."""


class Alone(Unpackable):
    """They could be, from data in memory, but each of them had better be trained alone."""
