"""Pure functions that torchmetrics lacks; NumPy in, numbers out."""
