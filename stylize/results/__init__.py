"""Rows: their schema, how they are written so that a kill loses none, and how they are read back."""
