"""Where state sleeps: each store reads, writes if unchanged, locks, appends and folds."""
