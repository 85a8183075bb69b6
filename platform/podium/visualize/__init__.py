"""Pictures of runs and of what a network sees."""
