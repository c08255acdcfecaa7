"""Time, memory, quality and file size of precisions and runtimes."""
