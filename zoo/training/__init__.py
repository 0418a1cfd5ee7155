"""Training: splits, heads on frozen features and their evaluation, in numpy and without torch."""
