"""Neural audio that is generated one sample at a time, fast enough to be live."""
