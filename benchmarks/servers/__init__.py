"""Servers that embed a picture a request, each a program of its own."""
