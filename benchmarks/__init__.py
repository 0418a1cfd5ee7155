"""Measurements that anyone can repeat on pictures of their own."""
