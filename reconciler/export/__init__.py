"""Live objects to manifests: the way back from every expansion of a document."""
