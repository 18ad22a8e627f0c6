"""A service: a fitted classifier that needs no torch."""
