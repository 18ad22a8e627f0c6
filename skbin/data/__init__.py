"""From user inputs to batches; imports neither networks nor training."""
