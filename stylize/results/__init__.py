"""Rows: their schema, writing them so that a kill loses none, and reading them back."""
