"""Training: data, losses and the loop. Nothing here knows of Ray."""
