"""The prose linter: rules for the language of documents, messages and comments, and the findings that are still open."""
