"""What a report may be asked for: known before the packages are loaded that make one."""

CRITERIA = ("style", "ssim", "time", "memory", "votes")
"""By which a method may be the best."""
TOLERANCE = 0.05
"""The share by which time or memory may change from one run to another and count as the same."""
PICTURES = 150
"""In a report at most."""
