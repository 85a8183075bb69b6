"""Errors of Madalines: those of plain decisions."""

from podium.metrics.decisions import evaluate

__all__ = ["evaluate"]
