"""The thinking: frozen values and pure functions. No files, network, clock, randomness or environment."""
