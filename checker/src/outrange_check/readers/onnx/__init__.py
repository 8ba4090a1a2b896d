"""Reader of ONNX files as networks in exact numbers."""
