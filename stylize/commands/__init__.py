"""What `python -m stylize` does, one file per command; nothing here needs Ray."""

COMMANDS = {"list": "listing", "doctor": "doctor", "view": "view", "export": "export"}
"""A first word to the module that does it; anything else is a photo."""
