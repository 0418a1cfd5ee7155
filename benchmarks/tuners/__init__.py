"""Contestants that learn to classify, each a program: `python -m benchmarks.tuners.X TASK`."""
