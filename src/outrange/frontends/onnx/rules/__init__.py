"""Lowering rules of ONNX operators, one module per topic."""
