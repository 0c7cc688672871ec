"""Side-by-side timings of Lamella and its peers; run as `python -m benchmarks STORY`."""
