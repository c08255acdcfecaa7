"""Takes an image through a network in strips, so that its size does not bound the memory."""
