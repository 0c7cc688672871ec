"""From graphs to kernels: what each op means as loops, which loops share a kernel, and the kernels themselves."""
