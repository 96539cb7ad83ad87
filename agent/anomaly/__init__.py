"""Rules and baselines: observations in, events out. No clock, no I/O, no numpy."""
