"""The sampling function, and what it is made of."""
