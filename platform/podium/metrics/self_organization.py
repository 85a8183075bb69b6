"""Errors of a neocognitron: those of plain decisions."""

from podium.metrics.decisions import evaluate

__all__ = ["evaluate"]
