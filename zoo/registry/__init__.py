"""Which plugins are installed, what they offer, and how models are named."""
