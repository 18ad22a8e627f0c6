"""Out of the notebook: files and ONNX."""
