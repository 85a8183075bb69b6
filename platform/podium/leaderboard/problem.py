"""One thing on a board that is not as it is published."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is not as published: where, what it says, and what was recomputed."""

    file: str
    field: str
    says: str
    recomputed: str

    def __str__(self) -> str:
        """The problem in one line."""
        return f"{self.file}: {self.field} is published as {self.says}, found {self.recomputed}"
