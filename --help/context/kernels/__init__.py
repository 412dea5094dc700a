"""Sampling kernels. They know arrays, not PyTorch modules."""
