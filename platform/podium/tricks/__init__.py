"""Regularisation tricks: one file each, a Lightning callback with at most four edits."""
