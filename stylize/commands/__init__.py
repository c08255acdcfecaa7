"""What `python -m stylize` does, one file per command; nothing here needs Ray."""
