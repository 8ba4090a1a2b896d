"""ONNX files: `load_onnx` reads one into a `Network`."""

from .load import load_onnx as load_onnx
