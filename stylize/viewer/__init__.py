"""A page on this machine over the rows and pictures of runs; the same as static files; blind votes."""
