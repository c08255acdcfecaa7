"""What `python -m stylize` does, one file a command; nothing here needs Ray."""
