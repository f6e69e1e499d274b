# Aliases for ./run, which needs nothing but Python.
.PHONY: demo test lint bench docs build
demo test lint bench docs build:
	./run $@
