"""Ray entry points: `python -m jobs.NAME`."""
