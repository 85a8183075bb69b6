"""Errors of libraries, said in one line."""


def one_line(error: Exception) -> str:
    """The message of an error without line breaks, or its kind if it has none."""
    return " ".join(str(error).split()) or type(error).__name__
