"""The guided tour of a running service: `zoo demo`."""
