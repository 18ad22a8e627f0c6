"""Networks in plain torch, and what they are made of."""
