"""Bits per character of language models."""

from podium.leaderboard.columns import plain_column

COLUMN = plain_column(
    "test/bits_per_character",
    title="Bits per character",
    help="Cross-entropy of the next character in bits: mean over seeds, and the 95% interval of that mean.",
)
