"""skorch's loop on one logit and targets 0 and 1."""
