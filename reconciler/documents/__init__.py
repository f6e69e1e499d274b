"""Manifests to resources: envelopes, interpolation, overlays, one file per kind of document."""
