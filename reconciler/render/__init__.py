"""Plan, drift and state as text and JSON. Pure: value in, str out."""
