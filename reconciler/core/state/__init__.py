"""The state as a value, its text form, and the migrations between versions of that form."""
