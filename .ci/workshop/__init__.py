"""What `dev.py` is made of, with nothing but the standard library."""
