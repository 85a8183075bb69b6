"""Errors of a read-out by ridge regression."""

from podium.metrics.decisions import evaluate

__all__ = ["evaluate"]
