"""Search: exact indexes of embeddings and the collections that they serve."""
