"""Runs models: loads them, forwards pictures, answers for the predictor; the only torch here."""
