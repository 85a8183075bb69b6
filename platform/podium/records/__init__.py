"""What a run leaves behind, and the one file that talks to MLflow."""
