"""The platform in small: an ASGI application over SQLite. It imports nothing of the rest of reconciler."""
