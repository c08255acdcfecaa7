"""Training on Ray Train, for `jobs.train`."""
