"""What the rows allow to be said."""
