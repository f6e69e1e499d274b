"""The command line: one light file per command; `wiring` is the only place that knows every room."""
