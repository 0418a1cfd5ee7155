"""The HTTP API: one blueprint a resource, and never torch."""
