"""Networks as ONNX files, and the runtimes that compute them in place of torch."""
