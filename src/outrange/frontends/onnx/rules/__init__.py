"""Lowering rules for ONNX operators, one module per topic."""
