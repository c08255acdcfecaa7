"""Compares models: published ones beside this project's, and the faults of their pictures."""
