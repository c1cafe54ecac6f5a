"""A package with an executor, imported by name."""
