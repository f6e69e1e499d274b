"""Comparing values: when two say the same, what differs, what a reviewer is shown of it."""
