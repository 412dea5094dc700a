"""The engine: many streams made together, step by step."""
