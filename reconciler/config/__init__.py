"""The project file: platform, environments, variables, state settings, policies; and the JSON Schema for editors."""
