"""From a folder of recordings to batches of crops."""
