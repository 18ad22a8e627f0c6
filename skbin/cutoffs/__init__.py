"""From scores to decisions, for any classifier."""
