"""Calls with random inputs: damaged files, made-up settings. Each must end in a result, a row or one line."""
