"""Use cases: values in, values out. Questions, messages and progress go through one small port."""
