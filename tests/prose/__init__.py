"""The prose linter: rules for documents, messages and comments, and a baseline of open findings."""
