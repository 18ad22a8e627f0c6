"""Members trained on folds, and what the rows that they have not seen tell."""
