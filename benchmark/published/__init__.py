"""Numbers of the literature: what they state, and how they were brought into one form."""
