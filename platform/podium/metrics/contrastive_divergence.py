"""Squared error of what a stack of Boltzmann machines gives back: that of reconstructions."""

from podium.metrics.reconstruction import evaluate

__all__ = ["evaluate"]
