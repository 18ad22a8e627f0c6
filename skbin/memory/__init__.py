"""Trained states, kept: the cache, its keys, checkpoints."""
