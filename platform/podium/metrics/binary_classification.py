"""Errors and loss of two classes: those of any number of classes."""

from podium.metrics.classification import evaluate

__all__ = ["evaluate"]
