"""Podium: train every network and trick under identical conditions, and publish boards that anyone can run again."""
