"""Lightning modules: a loss, a learning rule and their metrics."""
