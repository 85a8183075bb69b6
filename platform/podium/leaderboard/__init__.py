"""Records in, table out. Nothing here trains, so nothing here imports torch."""
