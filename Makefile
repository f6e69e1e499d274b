# For who types make: every task is in ./run
TASKS = demo test lint bench bench-scale docs site pipelines build lock kill-matrix soak

.PHONY: $(TASKS)
$(TASKS):
	./run $@
