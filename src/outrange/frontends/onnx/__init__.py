"""Reader of ONNX files; `load_onnx` returns a `Network`."""

from .load import load_onnx as load_onnx
