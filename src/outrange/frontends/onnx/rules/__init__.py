"""One rule an ONNX operator, by topic."""
