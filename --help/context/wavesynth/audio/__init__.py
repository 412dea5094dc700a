"""Between sound and numbers: files, μ-law, log-mel features, pictures."""
