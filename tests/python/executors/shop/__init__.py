"""A package of executors, found by its name."""
