"""Recorded API calls to manifests: text in, calls out, documents out. Nothing is executed, read or sent."""
