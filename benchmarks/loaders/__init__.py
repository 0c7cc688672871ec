"""Data and the loaders that read it: `ours` and `peers` give the same tensors of the same data, which a test shows."""
