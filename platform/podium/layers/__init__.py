"""Blocks that two or more families of networks use, initialisers, and surgery on modules."""
