"""The findings page: what the records let a reader believe, and what not. `page.page` makes its text."""
