"""Pictures: archives of them, their decoding in a sandbox, and their exact preprocessing."""
