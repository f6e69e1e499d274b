"""The doing: async and short; it receives client, store, secrets and clock, and knows no file and no network."""
