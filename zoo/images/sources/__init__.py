"""What an ingest reads beyond its request: folders, manifests and archives, near and far."""
