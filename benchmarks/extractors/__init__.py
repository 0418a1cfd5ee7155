"""Contestants that embed a folder, each a program: `python -m benchmarks.extractors.X TASK`."""
