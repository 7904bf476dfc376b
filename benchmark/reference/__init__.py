"""Reference results: compact records of the reference suites, and everything that is made from them alone."""
