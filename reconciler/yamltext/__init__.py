"""YAML as text: strict reading with places, writing, layout, and edits that keep comments."""
