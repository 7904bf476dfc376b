"""Finished runs in, tables and figures out: joining, comparison, layout, formats, plots."""
