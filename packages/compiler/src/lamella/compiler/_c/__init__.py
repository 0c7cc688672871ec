"""The C target: prints scheduled kernels as readable C11 with vector extensions (gcc and clang)."""
