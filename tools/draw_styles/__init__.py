"""Draws the artworks that ship: a module each, and what they share in `canvas` and `brush`."""
