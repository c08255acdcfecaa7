"""What the machine gives: processors, cards and their memory, limits of containers, threads.

Import the module you need (`from stylize.machine import devices`); this package itself loads nothing.
"""
