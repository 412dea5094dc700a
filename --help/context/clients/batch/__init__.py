"""Many recordings at once: a manifest in, files out, on every core of a machine or on a Ray cluster."""
