"""The API as generated code: `make proto` writes it from proto/wavesynth/v1."""
