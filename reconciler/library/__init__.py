"""The Python API: `reconciler.load` and the typed values it returns. See docs/python.md."""
