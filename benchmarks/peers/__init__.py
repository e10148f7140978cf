"""Muster against its peers: the same photos, models and engine, each in its own environment."""
