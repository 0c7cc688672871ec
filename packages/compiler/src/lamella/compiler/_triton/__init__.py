"""The Triton target: schedules and prints kernels for NVIDIA GPUs, compiles them without a GPU, and runs them."""
