"""Retrieval methods, one file each, found by `benchmark.registry`. `parts` is what several share."""
