"""The findings page: what the records let a reader believe, and what not. `page.findings_files` makes it."""
