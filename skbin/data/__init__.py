"""From what people have to batches; knows no network and no training."""
