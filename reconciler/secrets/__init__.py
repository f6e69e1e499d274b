"""Secrets: where their values come from, whether they changed, and how they are kept out of every text."""
