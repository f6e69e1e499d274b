"""From YAML to resources: strict reading, interpolation, shapes of documents, expansion."""
