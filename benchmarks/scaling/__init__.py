"""What is found when a collection grows, and how it is told."""
