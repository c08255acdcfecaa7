"""Measuring an image and the machine it was made on: time, memory, SSIM, hardware.

Import the module you need (`from stylize.measure.ssim import ssim`); this package itself loads nothing.
"""
